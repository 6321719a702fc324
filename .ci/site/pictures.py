"""Make the pictures and the printed outputs of the site, from a small real run of this version.

python .ci/site/pictures.py [COMPARISON] the commands of docs/start.md in build/pictures, some ten minutes, and keeps what they showed there: run again, it runs only
what is not there yet. With the directory of a comparison it takes the picture of the home page, too. Blocks between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->`` in docs/*.md are written anew, and docs/pictures/.
It needs the extras train, demo and report, Chromium with its driver for the pages, and Pillow.
"""

import io
import json
import os
import re
import sys
import textwrap
import time
from itertools import chain
from pathlib import Path

from record import record, screen
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[2]
DOCS, WORK = ROOT / "docs", ROOT / "build" / "pictures"
COLUMNS = 100
THEME = TerminalTheme(
    (16, 28, 27),
    (214, 226, 223),
    [(60, 76, 73), (228, 104, 88), (95, 208, 181), (233, 182, 92), (106, 160, 226), (190, 140, 214), (95, 208, 181), (214, 226, 223)],
)  # fmt: skip
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect width="{width}" height="{terminal_height}" rx="8" fill="rgb(16,28,27)"/>
<g transform="translate(9, 9)" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""
"""Rich's own frame names fonts of a server."""

RUN = "runs/first"
CONFIGS = [str(ROOT / "examples" / name) for name in ("demo.yaml", "quick.yaml")]


def draw(lines: list[str], name: str) -> None:
    """Draw a terminal.

    Args:
        lines: With their colours.
        name: Of the picture.
    """
    text = Text.from_ansi("\n".join(lines))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text, soft_wrap=True)
    svg = console.export_svg(title="", theme=THEME, code_format=FRAME, unique_id=name)
    (DOCS / "pictures" / f"{name}.svg").write_text(svg, encoding="utf-8")


def photograph(page: Path, name: str, *, height: int) -> None:
    """Take a picture of a page in a headless Chromium.

    Args:
        page: Of HTML.
        name: Of the picture.
        height: In pixels; it is 1,100 wide.
    """
    from PIL import Image
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", f"--window-size=1100,{height}", "--hide-scrollbars"):  # fmt: skip
        options.add_argument(option)
    with webdriver.Chrome(options=options) as browser:
        size = {"width": 1100, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page.resolve().as_uri())
        time.sleep(6)  # the charts are drawn by a script of the page
        seen = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    # Few colours: a page of text and lines looks the same, in a third of the bytes.
    seen.quantize(64, dither=Image.Dither.NONE).save(DOCS / "pictures" / f"{name}.png", optimize=True)  # fmt: skip


def plain(lines: list[str]) -> str:
    """Write lines without colours, without the paths of this machine, and long ones broken as a terminal does, but between words."""
    text = "\n".join(Text.from_ansi(line).plain.rstrip() for line in lines)
    short = text.replace(f"{ROOT}/", "").strip("\n").splitlines()
    broken = (textwrap.wrap(line, COLUMNS) if len(line) > COLUMNS else [line] for line in short)
    return "\n".join(chain.from_iterable(broken))


def put(blocks: dict[str, str]) -> None:
    """Write what was printed into the pages that show it.

    Args:
        blocks: Text by the name of the block.
    """
    for page in sorted(DOCS.glob("*.md")):
        old = new = page.read_text(encoding="utf-8")
        for name, text in blocks.items():
            block = f"<!-- begin: {name} -->\n\n```text\n{text}\n```\n\n<!-- end: {name} -->"
            new = re.sub(rf"<!-- begin: {name} -->.*?<!-- end: {name} -->", lambda _, block=block: block, new, flags=re.DOTALL)  # fmt: skip
        if new != old:
            page.write_text(new, encoding="utf-8")


def since(lines: list[str], begin: str) -> list[str]:
    """Give the lines from the first one that begins so."""
    return lines[next(i for i, line in enumerate(lines) if plain([line]).startswith(begin)) :]


def one_answer(text: str) -> str:
    """Leave out of the end of a run all answers but those to the first prompt."""
    head, *others = text.split("\n\n   prompt:")
    tail = others[-1].partition("\n\ntraining and")
    return f"{head}\n\n   prompt:{others[0]}\n\n   [...]\n\n{tail[1].strip()}{tail[2]}"


def panel(run: Path) -> list[str]:
    """Give what stands on the terminal before the last step of a run.

    Args:
        run: Whose steps are shown once more, each in its own time.
    """
    from rlsr.cli.progress import LiveObserver

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    now, written = 0.0, io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="truecolor", width=COLUMNS, get_time=lambda: now)  # fmt: skip
    with LiveObserver(console) as observer:
        observer.on_stage("stage 2 of 2: rlsr: training")
        for row in rows[:-1]:
            now += row.get("time/step") or 0.0
            observer.on_step(row["step"], rows[-1]["step"], row)
    return screen(written.getvalue())


def main() -> None:
    """Make all of them."""
    for folder in (WORK, DOCS / "pictures"):
        folder.mkdir(parents=True, exist_ok=True)
    comparison = Path(sys.argv[1]).resolve() if sys.argv[1:] else None
    os.chdir(WORK)

    def shown(name: str, *command: str) -> str:
        return record(["rlsr", *command], WORK / f"{name}.out", COLUMNS)

    check = shown("check", "data", "check", "builtin:instructions")
    plan = screen(shown("plan", "train", *CONFIGS, "--dry-run"))
    train = shown("train", "train", *CONFIGS, "--out", RUN)
    report = shown("report", "report", RUN)
    put({
        "check": plain(screen(check)),
        "plan": plain(since(plan, "# what stage 1")),
        "train": one_answer(plain(since(screen(train), "stage 1-sft: 16"))),
        "report": plain(screen(report)),
    })  # fmt: skip
    draw(panel(WORK / RUN / "2-rlsr"), "train")
    photograph(WORK / RUN / "report.html", "report", height=1250)
    photograph(DOCS / "audit-builtin.html", "audit", height=1100)
    if comparison:
        shown("comparison", "report", str(comparison), "--out", "comparison.html")
        photograph(WORK / "comparison.html", "comparison", height=790)


if __name__ == "__main__":
    sys.exit(main())
