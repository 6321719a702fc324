"""What the operating system refuses ends with one message, whatever library was writing."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rlsr.errors import RunError
from rlsr.runs.json_file import append_json_line, write_json, write_json_lines
from rlsr.runs.refused_writes import writing_to
from rlsr.runs.whole_directory import copy_directory, write_directory

resource = pytest.importorskip("resource", reason="Windows limits no files")

LIMIT = 20_000


@pytest.fixture
def small_files() -> object:
    """Refuse to let any file of this process grow beyond a few kilobytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield None
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def many_files(directory: Path) -> None:
    (directory / "large").write_bytes(bytes(2 * LIMIT))


WRITES: dict[str, Callable[[Path], object]] = {
    "json": lambda file: write_json(file, {"text": "a" * 2 * LIMIT}),
    "lines": lambda file: write_json_lines(file, [{"text": "a" * 2 * LIMIT}]),
    "a line": lambda file: append_json_line(file, {"text": "a" * 2 * LIMIT}),
    "a directory": lambda place: write_directory(place, many_files),
    "safetensors": lambda file: save_file({"a": torch.zeros(LIMIT)}, file),
    "torch": lambda file: torch.save({"a": torch.zeros(LIMIT)}, file),
    "numpy": lambda file: np.save(file, np.zeros(LIMIT)),
}


@pytest.mark.parametrize("how", WRITES)
def test_a_limit_of_the_size_of_files_is_named(
    how: str, tmp_path: Path, small_files: object
) -> None:
    with pytest.raises(RunError) as caught, writing_to(tmp_path / "file"):
        WRITES[how](tmp_path / "file")
    assert str(caught.value) == (
        f"{tmp_path / 'file'}: cannot be written: file too large (the limit is {LIMIT:,} bytes); raise the limit of a file's size "
        "(ulimit -f) and start again, a run with --resume: nothing that was saved before is lost"
    )


def test_a_full_disk_is_named_with_its_room(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, writing_to(tmp_path / "run" / "file"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    usage = shutil.disk_usage(tmp_path)
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path / 'run' / 'file'}: cannot be written: no space left on device ("
    )
    assert f"of {usage.total:,} bytes are free there); make room and start again" in message


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO, errno.ENOENT])
def test_every_refusal_names_the_place_and_the_reason(tmp_path: Path, number: int) -> None:
    with pytest.raises(RunError, match=os.strerror(number)[1:]), writing_to(tmp_path / "file"):
        raise OSError(number, os.strerror(number))


def test_a_copy_that_is_refused_leaves_what_was_there(tmp_path: Path, small_files: object) -> None:
    source, place = tmp_path / "source", tmp_path / "place"
    for directory, size in ((source, LIMIT), (place, 10)):
        directory.mkdir()
        (directory / "weights").write_bytes(bytes(size))
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (LIMIT // 2, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    )
    with pytest.raises(RunError, match="file too large"):
        copy_directory(place, source)
    assert (place / "weights").stat().st_size == 10


def test_a_message_is_not_wrapped_twice_and_other_errors_stay(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^inner$"), writing_to(tmp_path):
        raise RunError("inner")
    with pytest.raises(RuntimeError, match=r"^something else$"), writing_to(tmp_path):
        raise RuntimeError("something else")
    with pytest.raises(KeyError), writing_to(tmp_path):
        raise KeyError("a")
