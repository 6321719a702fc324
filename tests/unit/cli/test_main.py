"""What stands around all commands."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlsr.cli.main import SaidOnce, print_everything, require_text
from rlsr.errors import ConfigError


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("rlsr", logging.WARNING, "", 0, message, arguments, None)


def test_a_warning_is_shown_once() -> None:
    once = SaidOnce()
    assert once.filter(record("%d bad rows", 7))
    assert not once.filter(record("7 bad rows"))
    assert once.filter(record("%d bad rows", 8))
    assert not once.filter(record("%d bad rows", 7))
    assert SaidOnce().filter(record("7 bad rows"))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_what_an_encoding_has_no_bytes_for_is_printed_as_an_escape(encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_everything((stream, None))
    print("naïve → 😀 \ud83d", file=stream)
    stream.flush()
    printed = stream.buffer.getvalue().decode(encoding)
    assert "\\ud83d" in printed
    assert ("→" in printed) == (encoding == "utf-8")


def test_arguments_that_are_no_text_are_refused() -> None:
    require_text(["naïve", "😀", ""])
    with pytest.raises(ConfigError, match=r"got byte 0xe9 at place 4; "):
        require_text(["train", "caf\udce9.jsonl"])


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_terminal_of_ascii_shows_everything(environment: dict[str, str], tmp_path: Path) -> None:
    rows = [{"prompt": f"Grüße {n} 😀", "response": "“naïve” → ∀"} for n in range(3)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "rlsr.cli.main", "data", "check", "rows.jsonl"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert rb"Gr\xfc\xdfe" in result.stdout
    assert rb"\U0001f600" in result.stdout


def test_the_interruption_of_an_import_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", "from rlsr.cli.main import main; main()"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (130, "interrupted\n")
