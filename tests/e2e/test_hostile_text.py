"""Text of others comes out of no command raw: not from rows, column names, file names or settings."""

import json
from pathlib import Path

import pytest

from tiny import WORDS, Cli

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://x\x1b\\ \x9b31m [red]x[/red] [/nope] :smile: \u202eb\x00\rc <script>hacked()</script>"
RAW = ("\x1b", "\x9b", "\x07", "\x00", "\r", "\u202e")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with rows that are hostile in every column, and in the names of some, in a file of such a name."""
    place = tmp_path_factory.mktemp("hostile")
    rows = [
        {
            "prompt": f"{HOSTILE} {number} {WORDS[number]}",
            "response": f"{HOSTILE} {number}",
            "system": HOSTILE,
            "rejected": f"{HOSTILE} {number} worse",
            "id": f"{HOSTILE} {number}",
            "category": HOSTILE,
            f"column {HOSTILE}": HOSTILE,
        }
        for number in range(12)
    ]
    bad = [*rows, {"prompt": HOSTILE, "response": HOSTILE, "split": HOSTILE}, {HOSTILE: HOSTILE}]
    for name, lines in (("rows", rows), ("bad", bad)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (place / f"{name}{HOSTILE.replace('/', '-').replace(chr(0), '')}.jsonl").write_text(
            text, encoding="utf-8"
        )
    (place / "hostile.yaml").write_text(
        json.dumps({"method": {HOSTILE: HOSTILE}}), encoding="utf-8"
    )
    return place


def file_of(workplace: Path, name: str) -> str:
    (file,) = workplace.glob(f"{name}*.jsonl")
    return file.name


def run(cli: Cli, workplace: Path, code: int, *arguments: str | Path) -> str:
    result = cli(*arguments, cwd=workplace)
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    assert "Traceback" not in said
    for raw in RAW:
        assert raw not in said, ascii(said)
    return said


def test_a_check_shows_rows_and_problems(cli: Cli, workplace: Path) -> None:
    said = run(cli, workplace, 0, "data", "check", file_of(workplace, "rows"))
    assert "user: \\x1b[2J\\x1b]0;owned" in said
    assert "[red]x[/red] [/nope] :smile: \\u202eb" in said
    said = run(cli, workplace, 2, "data", "check", file_of(workplace, "bad"))
    assert "bad split" in said
    assert "\\x1b[2J" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", f"data.path={HOSTILE[1:]}"],
        ["train", "--data", "builtin:instructions", f"method.type={HOSTILE}"],
        ["train", "--data", "builtin:instructions", f"{HOSTILE}=1"],
        ["train", "--data", "builtin:instructions", f"reward={HOSTILE}"],
        ["train", "--data", "builtin:instructions", "hostile.yaml"],
        ["train", "--resume", "--out", "runs/\x1b[2J\u202e"],
        ["report", "runs/\x1b[2J\u202e"],
        ["compare", "\x1b[2J\u202e.yaml"],
        ["evaluate", "\x1b[2J\u202e.yaml"],
        ["forecast", "runs/\x1b[2J\u202e"],
        ["audit", "\x1b[2J\u202e.jsonl"],
    ],
)
def test_mistakes_quote_what_was_given(cli: Cli, workplace: Path, arguments: list[str]) -> None:
    said = run(cli, workplace, 2, *(argument.replace("\x00", "") for argument in arguments))
    assert said.count("error:") == 1


def test_a_plan_and_an_audit(cli: Cli, workplace: Path, tiny_settings: list[str]) -> None:
    settings = [setting for setting in tiny_settings if not setting.startswith("data.path=")]
    data = file_of(workplace, "rows")
    said = run(cli, workplace, 0, "train", *settings, "--data", data, "--dry-run")
    assert "\\x1b[2J" in said
    run(cli, workplace, 0, "audit", data, "--model", "none", "--out", "audited\u202e")


@pytest.mark.slow
def test_a_run_and_its_pages(cli: Cli, workplace: Path, tiny_settings: list[str]) -> None:
    settings = [
        setting for setting in tiny_settings if not setting.startswith(("data.path=", "stages="))
    ]
    method = "method=[sft,rlsr]"
    out = "run\u202e"
    data = file_of(workplace, "rows")
    said = run(
        cli, workplace, 0, "train", *settings, method, "--data", data, "--out", out, "training.steps=1", "data.heldout=3",
        "validation.num_prompts=0",
    )  # fmt: skip
    assert "reference: \\x1b[2J" in said or "prompt: " in said
    run(cli, workplace, 0, "report", out)
    page = next((workplace / out).glob("*.html")).read_text(encoding="utf-8")
    assert "<script>hacked" not in page
    for log in (workplace / out).rglob("log*.txt"):
        assert not any(raw in log.read_text(encoding="utf-8") for raw in RAW)
    run(cli, workplace, 0, "evaluate", *settings, "--data", data, "data.heldout=3", "--out", "own")
