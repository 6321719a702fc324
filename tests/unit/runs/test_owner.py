"""One process at a time works in a directory, whatever ends the one before."""

import errno
import fcntl
import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from rlsr.errors import ConfigError, RunError
from rlsr.runs.directory import require_free
from rlsr.runs.owner import OWNER_FILE, owned, require_unowned


def fork(work: Callable[[], None]) -> int:
    """Do something in another process."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.005)


def test_a_second_owner_is_told_who_is_the_first_and_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "run"
    with owned(path):
        before = (path / OWNER_FILE).read_bytes()
        assert json.loads(before)["pid"] == os.getpid()
        for ask in (require_unowned, lambda place: owned(place).__enter__()):
            with pytest.raises(
                RunError, match=rf"process {os.getpid()} on .* \(since 20.*\) works"
            ):
                ask(path)
        assert (path / OWNER_FILE).read_bytes() == before
    assert not path.parent.exists(), "nothing was written"
    require_unowned(path)


def test_what_was_written_stays_and_the_lock_goes(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with owned(tmp_path):
            (tmp_path / "file").write_text(content, encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_killed_owner_leaves_a_free_directory(tmp_path: Path) -> None:
    path = tmp_path / "run"

    def work() -> None:
        with owned(path):
            time.sleep(60)

    pid = fork(work)
    wait_for(path / OWNER_FILE)
    while not (path / OWNER_FILE).read_bytes():
        time.sleep(0.005)
    with pytest.raises(RunError, match=f"process {pid} on"):
        require_unowned(path)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert (path / OWNER_FILE).is_file()
    require_unowned(path)
    require_free(path, "a new run needs", "")
    with owned(path):
        assert json.loads((path / OWNER_FILE).read_bytes())["pid"] == os.getpid()


def test_of_many_that_want_it_one_has_it_at_a_time(tmp_path: Path) -> None:
    path, inside, both = tmp_path / "run", tmp_path / "inside", tmp_path / "both"

    def work() -> None:
        for _ in range(30):
            try:
                with owned(path):
                    try:
                        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
                    except FileExistsError:
                        both.touch()
                    inside.unlink()
            except RunError:
                pass

    processes = [fork(work) for _ in range(3)]
    for pid in processes:
        os.waitpid(pid, 0)
    assert not both.exists()
    assert not inside.exists()


def test_without_locks_one_is_warned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING), owned(tmp_path), owned(tmp_path):
        pass
    assert "knows no locks" in caplog.text


def test_a_directory_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RunError, match=r"run: cannot be written \(Read-only file system\)"):
        owned(tmp_path / "run").__enter__()
    assert not (tmp_path / "run").exists()
    with pytest.raises(RunError, match="the directory cannot be made"):
        owned(Path("/proc/none/run")).__enter__()


def test_a_directory_that_was_moved_ends_with_one_message(tmp_path: Path) -> None:
    path = tmp_path / "run"

    def work() -> None:
        with owned(path):
            path.rename(tmp_path / "moved")
            (path / "file").write_text("lost", encoding="utf-8")

    with pytest.raises(RunError, match="was moved or deleted while this process worked in it"):
        work()
    assert not path.exists()


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    def fail(error: Exception, path: Path) -> None:
        with owned(path):
            shutil.rmtree(path, ignore_errors=isinstance(error, ConfigError))
            raise error

    with pytest.raises(ConfigError, match="mine"):
        fail(ConfigError("mine"), tmp_path / "a")
    with pytest.raises(PermissionError), owned(tmp_path / "b"):
        raise PermissionError


def test_the_lock_of_who_made_the_directory_anew_stays(tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = owned(path)
    first.__enter__()
    shutil.rmtree(path)
    with owned(path):
        first.__exit__(None, None, None)
        with pytest.raises(RunError, match="works in this directory"):
            require_unowned(path)


def test_a_file_that_was_taken_away_before_its_lock_came_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = owned(tmp_path)
    first.__enter__()
    real, calls = fcntl.flock, []

    def flock(stream: BinaryIO, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            first.__exit__(None, None, None)
        real(stream, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with owned(tmp_path):
        assert (tmp_path / OWNER_FILE).is_file()
        with pytest.raises(RunError, match="works in this directory"):
            require_unowned(tmp_path)
