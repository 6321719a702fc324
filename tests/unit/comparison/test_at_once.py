"""Processes of cells: what they say is passed on and kept, several run at once, and none is left behind."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from comparisons import finish, make_plan
from rlsr import children
from rlsr.comparison.at_once import AtOnce
from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.run import run_comparison
from rlsr.errors import RunError
from rlsr.interruption import Interrupted, number_of

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def stream(text: str, say: Say, log: io.StringIO | None = None) -> int:
    return AtOnce().stream(script(text), log or io.StringIO(), say, {})


def test_every_line_is_passed_on_and_kept() -> None:
    lines: list[str] = []
    log = io.StringIO()
    text = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    assert stream(text, lines.append, log) == 3
    assert sorted(lines) == ["one", "two"]
    head, *kept = log.getvalue().splitlines()
    assert kept == lines
    assert sys.executable in head


def test_lines_come_while_the_process_runs() -> None:
    arrived: list[float] = []
    text = "import time; print('now'); time.sleep(1.0); print('later')"
    stream(text, lambda line: arrived.append(time.monotonic()))
    assert arrived[1] - arrived[0] > 0.5


def test_bytes_that_are_no_text_do_not_end_it() -> None:
    lines: list[str] = []
    assert (
        stream("import sys; sys.stdout.buffer.write(b'\\xff\\n'); print('after')", lines.append)
        == 0
    )
    assert lines[1] == "after"


def test_a_process_sees_what_its_seat_has() -> None:
    lines: list[str] = []
    text = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    AtOnce().stream(script(text), io.StringIO(), lines.append, {"CUDA_VISIBLE_DEVICES": "7"})
    assert lines == ["7"]


@pytest.fixture
def hears_signals() -> Iterator[None]:
    """Let signals raise as in the command, also where pytest runs in the background and ignores Ctrl-C."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


@needs_signals
@pytest.mark.usefixtures("hears_signals")
def test_all_processes_are_told_of_the_signal_and_may_save() -> None:
    at_once = AtOnce([{}, {}])
    said: dict[str, list[str]] = {"a": [], "b": [], "never begun": []}
    ready = threading.Barrier(2)

    def work(name: str) -> None:
        def say(line: str) -> None:
            said[name].append(line)
            if line == "ready" and ready.wait(20) == 0:
                os.kill(os.getpid(), signal.SIGTERM)

        at_once.stream(script(SAVES), io.StringIO(), say, {})

    with pytest.raises(Interrupted) as caught:
        at_once.for_each(said, work)
    assert number_of(caught.value) == signal.SIGTERM
    saved = ["ready", f"saved for {int(signal.SIGTERM)}"]
    assert said == {"a": saved, "b": saved, "never begun": []}


@needs_signals
@pytest.mark.usefixtures("hears_signals")
def test_no_process_outlives_a_second_interruption() -> None:
    found: list[int] = []
    at_once = AtOnce()

    def interrupt(line: str) -> None:
        found.append(int(line))
        os.kill(os.getpid(), signal.SIGINT)

    text = """
import os, signal, time
signal.signal(signal.SIGINT, lambda number, frame: print(os.getpid()))
print(os.getpid())
time.sleep(60)
time.sleep(60)
"""
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        at_once.for_each([text], lambda text: _stream(at_once, text, interrupt))
    assert time.monotonic() - started < 20
    assert len(found) == 2
    _wait_until(lambda: not _is_there(found[0]))


def _stream(at_once: AtOnce, text: str, say: Say) -> None:
    at_once.stream(script(text), io.StringIO(), say, {})


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.01)


@needs_signals
def test_a_process_that_does_not_end_is_killed_when_what_watches_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "_PATIENCE_SECONDS", 0.3)
    text = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(os.getpid())
time.sleep(60)
"""
    found: list[int] = []

    def fail(line: str) -> None:
        found.append(int(line))
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        stream(text, fail)
    assert not _is_there(found[0])


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
        stream(text, print)
        os._exit(0)
    _wait_until(lambda: file.is_file() and file.read_text().endswith("."))
    os.kill(comparison, signal.SIGKILL)
    os.waitpid(comparison, 0)
    status = Path(f"/proc/{file.read_text().removesuffix('.')}/status")
    # An orphan that nobody waits for stays as a name.
    _wait_until(lambda: not status.is_file() or "(zombie)" in status.read_text())


@needs_signals
def test_a_process_that_was_killed_has_a_negative_code() -> None:
    text = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert stream(text, print) == -signal.SIGKILL


def test_a_cell_runs_the_command_line_and_keeps_its_log(tmp_path: Path) -> None:
    own = next(cell for cell in make_plan().cells(tmp_path) if cell.recipe == "sft")
    own.config_file.parent.mkdir(parents=True)
    own.config_file.write_text("method: stf\n", encoding="utf-8")
    for _ in range(2):
        assert AtOnce().run_cell(own, lambda line: None) == 2
    log = own.log_file.read_text(encoding="utf-8")
    assert log.count("# 20") == 2, "a second session adds to the log"
    assert log.count("'stf'") >= 2
    assert "train" in log.splitlines()[0]


class Together:
    """Cells that wait until as many run as are to run at once.

    Args:
        number: How many.
    """

    def __init__(self, number: int) -> None:
        self._meet = threading.Barrier(number)
        self._lock = threading.Lock()
        self._running: list[str] = []
        self.rounds: list[set[str]] = []

    def __call__(self, cell: Cell, say: Say) -> int:
        if cell.is_untrained:
            with self._lock:
                self.rounds.append({cell.name, *self._running})
            finish(cell)
            return 0
        with self._lock:
            self._running.append(cell.name)
        if self._meet.wait(20) == 0:
            self.rounds.append(set(self._running))
        self._meet.wait(20)
        finish(cell)
        with self._lock:
            self._running.remove(cell.name)
        return 0


def test_cells_run_at_once_after_the_untrained_policy_with_the_same_result(tmp_path: Path) -> None:
    together = Together(2)
    found = run_comparison(
        make_plan(), tmp_path / "two", print, at_once=AtOnce([{}, {}]), execute=together
    )
    assert together.rounds[0] == {"base"}
    assert [len(names) for names in together.rounds] == [1, 2, 2, 2]
    alone = run_comparison(make_plan(), tmp_path / "one", print, execute=Together(1))
    assert found.recipes == alone.recipes
    assert found.scores == alone.scores


def test_cells_that_failed_are_named_in_order_however_they_ended(tmp_path: Path) -> None:
    def fail(cell: Cell, say: Say) -> int:
        if cell.is_untrained:
            finish(cell)
            return 0
        time.sleep(0.3 if cell.seed == 0 else 0)
        return 1

    with pytest.raises(RunError) as caught:
        run_comparison(make_plan(), tmp_path, print, at_once=AtOnce([{}] * 6), execute=fail)
    lines = str(caught.value).splitlines()[1:-1]
    names = [line.partition(":")[0].strip() for line in lines]
    assert names == [f"{recipe}, seed {seed}" for seed in (0, 1) for recipe in ("sft", "rlsr", "sft+rlsr")]  # fmt: skip
