"""What stands around all commands."""

import errno
import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlsr.cli import main as entry
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


COMMAND = """
import os, typer
from rlsr.cli import commands, main

app = typer.Typer()

@app.command()
def command() -> None:
    try:
        os.kill(os.getpid(), NUMBER)
    finally:
        print("put in order")

commands.app = app
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_command_that_is_asked_to_end_puts_things_in_order(number: signal.Signals) -> None:
    # Where tests run in the background Ctrl-C is ignored, and a process would take that over.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = COMMAND.replace("NUMBER", str(int(number)))
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 128 + number
    assert result.stdout == "put in order\n"
    assert result.stderr == "interrupted\n"


def test_a_command_whose_packages_are_not_installed_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble() -> None:
        raise ModuleNotFoundError("No module named 'trl.trainer'", name="trl.trainer")

    monkeypatch.setattr("rlsr.cli.commands.app", stumble)
    monkeypatch.setattr("rlsr.cli.doctor.package_directory", lambda _: None)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: trl is not installed; it is needed to do this (training). Install it with: pip install 'rlsr[train]'\n"
    )


@pytest.mark.parametrize("name", ["trl", "a_module_of_the_users_own", None])
def test_a_module_that_is_lacking_inside_of_what_is_installed_keeps_its_traceback(
    name: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble() -> None:
        raise ModuleNotFoundError("No module", name=name)

    monkeypatch.setattr("rlsr.cli.commands.app", stumble)
    monkeypatch.setattr("rlsr.cli.doctor.package_directory", Path)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS])
def test_a_disk_that_refuses_a_library_is_one_message_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "cache"))

    monkeypatch.setattr("rlsr.cli.commands.app", refuse)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'cache'}: cannot be written: ")
    assert os.strerror(number)[1:] in said
    assert said.count("\n") == 1


def test_an_error_of_ours_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "somewhere")

    monkeypatch.setattr("rlsr.cli.commands.app", fail)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):")
    assert "FileNotFoundError" in said


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
