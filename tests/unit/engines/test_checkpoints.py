"""Which checkpoints stay, whatever their files say of the time."""

import os
from pathlib import Path

import pytest

from rlsr.engines.trl.checkpoints import keep_newest, newest_complete_checkpoint

pytest.importorskip("trl", reason="the train extra is not installed")


def write(directory: Path, step: int, seconds: float) -> Path:
    path = directory / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "trainer_state.json").write_text("{}", encoding="utf-8")
    os.utime(path, (seconds, seconds))
    return path


def test_the_newest_by_step_stay_where_the_clock_was_put_back(tmp_path: Path) -> None:
    for step in (8, 9, 10, 11):
        write(tmp_path, step, seconds=1e9 - step * 3600)
    own = tmp_path / "checkpoint-copy"
    own.mkdir()
    keep_newest(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint-10",
        "checkpoint-11",
        "checkpoint-copy",
    }
    newest = newest_complete_checkpoint(tmp_path)
    assert newest is not None
    assert newest.name == "checkpoint-11"


def test_fewer_than_are_kept_all_stay(tmp_path: Path) -> None:
    write(tmp_path, 5, seconds=0)
    keep_newest(tmp_path, 2)
    keep_newest(tmp_path / "none", 2)
    assert (tmp_path / "checkpoint-5" / "trainer_state.json").is_file()
