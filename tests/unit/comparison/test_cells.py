"""A process for each cell: what it says is passed on and kept, and none is left behind."""

import io
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from comparisons import finish, make_plan
from rlsr.comparison import cells
from rlsr.comparison.cells import Cell, remove_checkpoints, run_cell, stream
from rlsr.interruption import Interrupted


def cell(path: Path, name: str, seed: int = 0) -> Cell:
    return next(
        cell for cell in make_plan().cells(path) if cell.recipe == name and cell.seed == seed
    )


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_every_line_is_passed_on_and_kept() -> None:
    lines: list[str] = []
    log = io.StringIO()
    code = stream(
        script("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"),
        log,
        lines.append,
    )
    assert code == 3
    assert sorted(lines) == ["one", "two"]
    head, *kept = log.getvalue().splitlines()
    assert kept == lines
    assert sys.executable in head


def test_lines_come_while_the_process_runs() -> None:
    arrived: list[float] = []
    stream(
        script("import time; print('now'); time.sleep(1.0); print('later')"),
        io.StringIO(),
        lambda line: arrived.append(time.monotonic()),
    )
    assert arrived[1] - arrived[0] > 0.5


def test_bytes_that_are_no_text_do_not_end_it() -> None:
    lines: list[str] = []
    text = "import sys; sys.stdout.buffer.write(b'\\xff\\n'); print('after')"
    assert stream(script(text), io.StringIO(), lines.append) == 0
    assert lines[1] == "after"


SAVES = """
import signal, time
def save(number, frame):
    time.sleep(0.3)
    print("saved for", number)
    raise SystemExit(128 + number)
signal.signal(signal.SIGTERM, save)
print("ready")
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_process_is_told_of_the_signal_and_may_save() -> None:
    lines: list[str] = []
    log = io.StringIO()

    def say(line: str) -> None:
        lines.append(line)
        if line == "ready":
            raise Interrupted(signal.SIGTERM)

    with pytest.raises(Interrupted):
        stream(script(SAVES), log, say)
    assert lines == ["ready", f"saved for {int(signal.SIGTERM)}"]
    assert log.getvalue().splitlines()[-2:] == lines


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_no_process_outlives_a_second_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_PATIENCE_SECONDS", 0.3)
    found: list[int] = []

    def interrupt(line: str) -> None:
        found.append(int(line))
        raise KeyboardInterrupt

    text = """
import os, signal, time
signal.signal(signal.SIGINT, lambda number, frame: print(os.getpid()))
print(os.getpid())
time.sleep(60)
time.sleep(60)
"""
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stream(script(text), io.StringIO(), interrupt)
    assert time.monotonic() - started < 20
    assert len(found) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(found[0], 0)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the process there")
def test_a_process_ends_with_a_comparison_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    text = f"""
import os, time
from pathlib import Path
from rlsr.children import end_with_starter
assert end_with_starter()
Path({str(file)!r}).write_text(str(os.getpid()) + ".")
time.sleep(60)
"""
    comparison = os.fork()
    if comparison == 0:
        stream(script(text), io.StringIO(), print)
        os._exit(0)
    while not file.is_file() or not file.read_text().endswith("."):
        time.sleep(0.01)
    os.kill(comparison, signal.SIGKILL)
    os.waitpid(comparison, 0)
    status = Path(f"/proc/{file.read_text().removesuffix('.')}/status")
    end = time.monotonic() + 20
    # An orphan that nobody waits for stays as a name.
    while status.is_file() and "(zombie)" not in status.read_text():
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_process_that_was_killed_has_a_negative_code() -> None:
    text = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert stream(script(text), io.StringIO(), print) == -signal.SIGKILL


def test_a_cell_runs_the_command_line_and_keeps_its_log(tmp_path: Path) -> None:
    own = cell(tmp_path, "sft")
    own.config_file.parent.mkdir(parents=True)
    own.config_file.write_text("method: stf\n", encoding="utf-8")
    for _ in range(2):
        assert run_cell(own, lambda line: None) == 2
    log = own.log_file.read_text(encoding="utf-8")
    assert log.count("# 20") == 2, "a second session adds to the log"
    assert log.count("'stf'") >= 2
    assert "train" in log.splitlines()[0]


def test_a_cell_that_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    for name, file in (("sft", "config.json"), ("sft+rlsr", "pipeline.json")):
        own = cell(tmp_path, name)
        assert own.command == ["train", str(own.config_file), "--out", str(own.path)]
        own.path.mkdir(parents=True)
        (own.path / file).write_text("{}", encoding="utf-8")
        assert own.command == ["train", "--resume", "--out", str(own.path)]
    untrained = cell(tmp_path, "base")
    assert untrained.command[0] == "evaluate"


@pytest.mark.parametrize("name", ["base", "sft", "sft+rlsr"])
def test_a_cell_is_complete_when_all_its_runs_are(name: str, tmp_path: Path) -> None:
    own = cell(tmp_path, name)
    assert not own.is_complete
    finish(own)
    assert own.is_complete
    assert len(own.runs) == len(own.stages)
    (own.runs[-1].path / "manifest.json").unlink()
    assert not own.is_complete


def test_checkpoints_of_a_run_that_needs_them_are_not_removed(tmp_path: Path) -> None:
    own = cell(tmp_path, "sft")
    own.path.mkdir(parents=True)
    with pytest.raises(AssertionError, match="not complete"):
        remove_checkpoints(own)


def test_the_config_of_a_cell_is_one_that_train_takes(tmp_path: Path) -> None:
    own = cell(tmp_path, "sft+rlsr", seed=1)
    own.write_config()
    from rlsr.config import load_stages

    staged = load_stages([own.config_file])
    assert staged.configs == own.stages
    assert {config.seed for config in staged.configs} == {1}
    assert staged.names == ("1-sft", "2-rlsr")
