"""Every command on a page of the docs is one that the program has, with options and settings that it takes.

The files and models that pages speak of are the reader's own, so that most commands are parsed, and their settings resolved, and not run.
"""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from rlsr.cli.arguments import is_config_or_setting, settings_of
from rlsr.cli.commands import app
from rlsr.config import load_stages

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
WITH_CONFIG = {"train", "audit", "evaluate", "doctor"}
"""Commands whose settings are those of a run."""

CANNOT_BE_RESOLVED = {
    "reward.type=bullets": "needs the package that docs/extending.md makes; tests/e2e/test_extending.py runs it",
    "method.type=confident": "needs the package that docs/extending.md makes; tests/e2e/test_extending.py runs it",
    "type: spreadsheet": "needs the package that docs/extending.md makes; tests/unit/tracking/test_example.py runs it",
    "monitors.slow": "needs the package that docs/extending.md makes; tests/e2e/test_extending.py runs it",
    "file: grader.json": "needs a file of the reader's; tests/e2e/test_graders.py has one",
    "length_reward:by_length": "needs the file that docs/extending.md makes; tests/e2e/test_extending.py runs it",
    "--resume": "needs an interrupted run; tests/invariant/test_resume.py has one",
}


def commands_of(page: str) -> list[str]:
    """Commands at the begin of a line of code, without what is said behind them."""
    joined = re.sub(r" *\\\n\s*", " ", page)
    found = re.findall(r"^(?: {4})?(?:\$ )?(rlsr .+?)(?:\s+#.*)?$", joined, flags=re.MULTILINE)
    return [command for command in found if not command.startswith("rlsr [")]


COMMANDS = sorted({(page.name, command) for page in PAGES for command in commands_of(page.read_text(encoding="utf-8"))})  # fmt: skip


def parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Let the program parse a command line, without running it."""
    command: Any = get_command(app)
    name = "rlsr"
    context = None
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    context = command.make_context(name, words)
    return name, context.params


def test_commands_are_found_as_pages_write_them() -> None:
    page = "Text `rlsr train`\n\n    rlsr train a.yaml   # why\n\n```\nrlsr audit x.jsonl \\\n  --strict\n```\n"
    assert commands_of(page) == ["rlsr train a.yaml", "rlsr audit x.jsonl --strict"]
    assert len(COMMANDS) > 50


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_of_the_docs_is_understood(page: str, command: str) -> None:
    name, found = parse(shlex.split(command)[1:])
    reason = next((why for part, why in CANNOT_BE_RESOLVED.items() if part in command), None)
    if reason or name not in WITH_CONFIG:
        return
    given = [word for word in found["arguments"] or [] if is_config_or_setting(word)]
    files = [ROOT / word for word in given if "=" not in word and (ROOT / word).exists()]
    options = {key: found.get(key) for key in ("data", "model") if found.get(key) != "none"}
    load_stages(files, [*settings_of(options), *(word for word in given if "=" in word)])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("rlsr train --no-such-option", "No such option"),
        ("rlsr trian", "trian"),
        ("rlsr report", "Missing parameter: directories"),
        ("rlsr data chekc a.jsonl", "chekc"),
    ],
)
def test_a_command_that_the_program_does_not_have_is_found(command: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        parse(shlex.split(command)[1:])


def test_a_reason_that_no_command_needs_is_gone() -> None:
    assert [part for part in CANNOT_BE_RESOLVED if not any(part in command for _, command in COMMANDS)] == []  # fmt: skip
