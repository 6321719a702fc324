"""``rlsr watch`` where there is no terminal: what is there is printed once."""

import io
import sys
from pathlib import Path

import pytest

from growing_run import add_step, begin_run
from report_sample import write_sample_pipeline, write_sample_run
from rlsr.cli import watch as command
from rlsr.cli.watch import watch
from rlsr.errors import ConfigError, MissingPackageError, RunError


def test_a_run_is_printed_once_with_all_that_the_live_program_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = begin_run(tmp_path / "run")
    add_step(path, 4, **{"monitor/cut": 2.0})
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    watch(path)
    words = capsys.readouterr().out
    for expected in (
        f"{path}  ● running", "training, step 5 of 20 (20%, at most", "Reward", "▁", "Means over 8 held-out prompts",
        "▲ cut: alarm after step 4 of 4", "responses of step 4", "best  reward 0.750", "worst  reward -0.500",
    ):  # fmt: skip
        assert expected in words
    assert max(map(len, words.splitlines())) <= 120
    assert "\x1b" not in words
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before


def test_stages_are_told_in_brief_and_the_newest_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sample_pipeline(tmp_path / "pipe", num_prompts=3, num_steps=2)
    (path / "2-rlsr" / "manifest.json").unlink()
    watch(path, once=True)
    words = capsys.readouterr().out
    assert "■ stopped" in words
    assert f"rlsr train --resume --out {path} goes on" in words
    assert "  1-sft ✓: 2 steps\n  2-rlsr: 2 steps\n" in words


def test_a_terminal_of_ascii_gets_no_lines_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begin_run(tmp_path / "run")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii", errors="backslashreplace"))
    watch(path)
    sys.stdout.flush()
    words = raw.getvalue().decode("ascii")
    assert "Reward" in words
    assert "\\u2581" not in words


@pytest.mark.parametrize(
    ("what", "message"),
    [("nothing", r"there is no such directory; .* --wait"), ("comparison", "watched one run at a time; name one"),
     ("other", "got another directory"), ("damaged", r"metrics\.jsonl:4: damaged")],
)  # fmt: skip
def test_what_is_no_run_is_refused_in_a_message(what: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / what
    if what == "damaged":
        begin_run(path)
        with (path / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write("{no\n")
    elif what != "nothing":
        path.mkdir()
        (path / ("experiment.json" if what == "comparison" else "notes.txt")).write_text("{}")
    with pytest.raises(RunError, match=message):
        watch(path)


def test_a_run_that_is_waited_for_is_printed_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, naps = tmp_path / "run", []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            write_sample_run(path, num_prompts=2, num_steps=1)

    monkeypatch.setattr("rlsr.cli.watch.time.sleep", nap)
    watch(path, wait=True)
    assert len(naps) == 2
    assert "✓ complete" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    with pytest.raises(RunError, match="got another directory"):
        watch(tmp_path / "other", wait=True)


class Screen(io.StringIO):
    """A terminal's stream of some encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def use_terminal(
    monkeypatch: pytest.MonkeyPatch, *, kind: str = "xterm", encoding: str = "utf-8"
) -> None:
    """Stand on a terminal; not in a fixture, after which pytest puts its own streams back."""
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr(sys, "stdin", Screen(encoding))
    monkeypatch.setattr(sys, "stdout", Screen(encoding))


def test_without_textual_the_message_has_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begin_run(tmp_path / "run")
    monkeypatch.setattr(command, "package_directory", lambda _: None)
    use_terminal(monkeypatch)
    with pytest.raises(MissingPackageError, match=r"pip install 'rlsr\[watch\]'"):
        watch(path)


def test_a_terminal_of_another_encoding_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begin_run(tmp_path / "run")
    monkeypatch.setattr(command, "package_directory", lambda _: tmp_path)
    use_terminal(monkeypatch, encoding="iso-8859-1")
    with pytest.raises(ConfigError, match="must be UTF-8 to draw curves, got iso-8859-1"):
        watch(path)


def test_a_terminal_that_cannot_be_drawn_on_gets_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begin_run(tmp_path / "run")
    use_terminal(monkeypatch, kind="dumb")
    watch(path)
    assert isinstance(sys.stdout, Screen)
    assert "● running" in sys.stdout.getvalue()
