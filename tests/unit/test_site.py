"""The docs site: every page is reached, links lead somewhere, and what scripts write for it is what they say."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import load_config
from rlsr.data import load_dataset
from rlsr.errors import DataError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def script(name: str) -> ModuleType:
    """Import a script of the site."""
    spec = importlib.util.spec_from_file_location(f"site_{name}", ROOT / ".ci" / "site" / f"{name}.py")  # fmt: skip
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


outside, commands, record, external_links = map(script, ("outside", "commands", "record", "external_links"))  # fmt: skip


def test_every_page_is_in_the_navigation_and_there() -> None:
    named = list(outside.leaves(SITE["nav"]))
    there = {path.name for path in DOCS.glob("*.md")}
    assert there <= set(named)
    made = {name for name in named if not (DOCS / name).exists()}
    assert {name for name in made if not (ROOT / name).is_file()} == {commands.PAGE}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = set(outside.linked(page.read_text(encoding="utf-8"), f"docs/{page.name}"))
    assert {link for link in links if not (ROOT / link).exists()} == set()


@pytest.mark.parametrize(
    ("text", "at", "there"),
    [
        ("[a](recipes.md#x)", "docs/log.md", "[a](recipes.md#x)"),
        ("[a](../benchmarks/claim.md)", "docs/log.md", "[a](benchmarks/claim.md)"),
        ("[a](../src/rlsr/x.py#L3)", "docs/log.md", "[a](src/rlsr/x.py.md#L3)"),
        ("[a](../benchmarks/results/x.json)", "docs/log.md", "[a](benchmarks/results/x.json)"),
        ("[a](../docs/log.md)", "benchmarks/claim.md", "[a](../log.md)"),
        ("[a](results/claim.json)", "benchmarks/claim.md", "[a](results/claim.json)"),
        ("![a](step-growth.svg)", "benchmarks/step-time.md", "![a](step-growth.svg)"),
        ("[a](#here) [b](https://x.org/y.md)", "docs/log.md", "[a](#here) [b](https://x.org/y.md)"),
    ],
)
def test_links_lead_to_where_files_stand_on_the_site(text: str, at: str, there: str) -> None:
    assert outside.moved(text, at) == there


PARTS = st.lists(st.text("abc-", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join)


@given(PARTS, PARTS, st.sampled_from([".md", ".py", ".yaml", ".json", ".svg"]))
def test_a_moved_link_names_the_place_of_what_it_named(page: str, target: str, end: str) -> None:
    at, path = f"docs/{page}.md", f"{target}{end}"
    up = "../" * (page.count("/") + 1)
    moved = outside.moved(f"[x]({up}{path})", at)
    link = moved.removeprefix("[x](").removesuffix(")")
    resolved = Path(*resolve((Path(page).parent / link).parts))
    assert resolved.as_posix() == outside.place(path)


def resolve(parts: tuple[str, ...]) -> list[str]:
    """Take `..` out of a path, without asking a disk."""
    found: list[str] = []
    for part in parts:
        if part == "..":
            found.pop()
        else:
            found.append(part)
    return found


def test_what_is_linked_from_outside_is_on_the_site_too() -> None:
    found = outside.outside(
        {"docs/a.md": "[x](../benchmarks/claim.md) [y](../nothere.md) [z](log.md)"}
    )
    assert "benchmarks/claim.md" in found
    assert "benchmarks/results/claim.json" in found  # which that page links to
    assert not {path for path in found if path.startswith("docs/") or "nothere" in path}


def test_code_is_shown_whole_and_is_no_result_of_a_search() -> None:
    page = outside.shown("examples/demo.yaml")
    assert (ROOT / "examples" / "demo.yaml").read_text(encoding="utf-8") in page
    assert page.startswith("---\nsearch:\n  exclude: true\n---\n")
    assert outside.shown("benchmarks/claim.md") == (ROOT / "benchmarks" / "claim.md").read_text(encoding="utf-8")  # fmt: skip


def test_the_page_of_commands_has_every_command_with_every_option() -> None:
    from typer.main import get_command

    from rlsr.cli.commands import app

    def options(command: object, name: str) -> list[tuple[str, str]]:
        below = getattr(command, "commands", {})
        own = [(name, option) for one in command.params if one.name != "help" for option in one.opts if option.startswith("-")]  # type: ignore[attr-defined] # fmt: skip
        return own + [
            pair for key, part in below.items() for pair in options(part, f"{name} {key}")
        ]

    sections = dict(re.findall(r"^#+ `([^`]+)`\n(.*?)(?=^#+ `|\Z)", commands.page(), flags=re.MULTILINE | re.DOTALL))  # fmt: skip
    wanted = [pair for pair in options(get_command(app), "rlsr") if pair[0] != "rlsr"]
    assert len(wanted) > 25
    assert [(name, option) for name, option in wanted if f"`{option}`" not in sections[name]] == []
    assert "| `--processes` `INT` |" in sections["rlsr train"]
    assert "\\[" not in commands.page()


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("a\r\nb\r\n", ["a", "b", ""]),
        ("one\r\x1b[2Ktwo", ["two"]),
        ("head\r\nold\r\nold\r\x1b[2K\x1b[1A\x1b[2Knew\r\nlast", ["head", "new", "last"]),
        ("\x1b[?25l\x1b[31mred\x1b[0m\x1b[?25h", ["\x1b[31mred\x1b[0m"]),
        ("\x1b[5Ato\x1b[K", [""]),
    ],
)
def test_a_screen_shows_what_stands_there_in_the_end(written: str, lines: list[str]) -> None:
    assert record.screen(written) == lines


def test_a_panel_of_rich_is_read_back_as_its_last_state() -> None:
    import io

    from rich.console import Console
    from rich.live import Live

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=40)
    with Live("begin\nsecond", console=console, auto_refresh=False) as live:
        live.update("middle\nsecond\nthird", refresh=True)
        console.print("above")
        live.update("end\nsecond", refresh=True)
    shown = [line.rstrip() for line in record.screen(file.getvalue())]
    assert [line for line in shown if line] == ["above", "end", "second"]


def test_what_was_kept_is_read_as_it_was_written(tmp_path: Path) -> None:
    kept = tmp_path / "x.out"
    code = r"import sys; sys.stdout.write('old\r\x1b[2Knew\n')"
    first = record.record([sys.executable, "-c", code], kept, 80)
    assert record.record(["nothere"], kept, 80) == first
    assert record.screen(first) == ["new", ""]


def test_a_command_in_a_terminal_of_its_own_is_kept_and_not_run_again(tmp_path: Path) -> None:
    kept = tmp_path / "x.out"
    command = [sys.executable, "-c", "import os; print(os.get_terminal_size().columns)"]
    assert record.record(command, kept, 77).strip() == "77"
    assert record.record(["nothere"], kept, 77).strip() == "77"
    with pytest.raises(SystemExit, match="failed"):
        record.record([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "y.out", 77)


EXAMPLES = re.findall(r'^=== "(.+?)"\n\n    ```json\n(.*?)    ```', (DOCS / "data.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)  # fmt: skip
LAYOUTS = ["prompt_response", "instruction", "messages", "conversations", "preference"]


@pytest.mark.parametrize(("example", "layout"), zip(EXAMPLES, LAYOUTS, strict=True))
def test_every_layout_on_the_page_of_data_is_read(
    example: tuple[str, str], layout: str, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in example[1].splitlines()]
    file = tmp_path / "my.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = load_dataset(load_config(overrides=[f"data={file}"]).data).report
    assert (report.layout, report.num_rows, len(report.skipped)) == (layout, 2, 0)


def test_the_bad_rows_on_the_page_of_data_are_answered_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r'```json title="my.jsonl"\n(.*?)```', page, flags=re.DOTALL)
    (said,) = re.findall(r"```text\nerror: (.*?)\n```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("my.jsonl").write_text(shown, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        load_dataset(load_config(overrides=["data=my.jsonl"]).data)
    assert str(refused.value) == said


def test_links_to_elsewhere_are_listed_without_what_is_only_an_example() -> None:
    text = "[a](https://arxiv.org/abs/1) and `http://localhost:8000/v1#x` or (https://arxiv.org/abs/1)."
    assert external_links.links(text) == ["https://arxiv.org/abs/1"]
    assert "https://arxiv.org/abs/2510.14200" in external_links.all_links()


@pytest.mark.network
def test_links_to_elsewhere_answer() -> None:
    assert external_links.broken(external_links.all_links()) == {}


def test_the_pictures_are_small() -> None:
    pictures = [path for path in (DOCS / "pictures").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in pictures) < 700_000
    for path in pictures:
        if path.suffix == ".svg":
            assert "http" not in path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
