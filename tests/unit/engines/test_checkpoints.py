"""Which checkpoint a run goes on from, whatever has happened to the others."""

import itertools
import logging
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.engines.trl.checkpoints import (
    checkpoint_of,
    finish_checkpoint,
    newest_whole_checkpoint,
    remove_checkpoint,
    step_of,
)
from rlsr.errors import RunError
from rlsr.runs.checksums import CHECKSUMS

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def write(directory: Path, step: int, *, keep: int = 9) -> Path:
    checkpoint = checkpoint_of(directory, step)
    remove_checkpoint(checkpoint)
    checkpoint.mkdir(parents=True)
    for name in FILES:
        (checkpoint / name).write_text(f'{{"{name}": {step}}}', encoding="utf-8")
    finish_checkpoint(checkpoint, keep=keep)
    return checkpoint


def steps(directory: Path) -> list[int]:
    return sorted(step_of(path) for path in directory.glob("checkpoint-*"))


def damage(checkpoint: Path, how: str, name: str) -> None:
    file = checkpoint / name
    if how == "cut":
        os.truncate(file, file.stat().st_size // 2)
    elif how == "gone":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)


@pytest.mark.parametrize(
    ("how", "name"), list(itertools.product(["cut", "gone", "one bit"], FILES))
)
def test_a_damaged_checkpoint_is_passed_over_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str, name: str
) -> None:
    before, newest = write(tmp_path, 9), write(tmp_path, 10)
    assert newest_whole_checkpoint(tmp_path) == newest
    damage(newest, how, name)
    with caplog.at_level(logging.WARNING):
        assert newest_whole_checkpoint(tmp_path) == before
    (record,) = caplog.records
    assert str(newest / name) in record.getMessage()
    assert "the checkpoint of step 10 is passed over" in record.getMessage()


def test_where_none_is_whole_the_run_ends_with_every_damage(tmp_path: Path) -> None:
    for step in (1, 2):
        damage(write(tmp_path, step), "cut", "model.safetensors")
    with pytest.raises(RunError) as caught:
        newest_whole_checkpoint(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: every checkpoint is damaged (")
    assert message.count("model.safetensors has 12 bytes and was written with 24") == 2
    assert message.endswith("; put back a copy of one, or start a new run")


def test_what_was_never_whole_is_no_damage(tmp_path: Path) -> None:
    half = write(tmp_path, 1)
    (half / CHECKSUMS).unlink()
    (half / "trainer_state.json").unlink()
    assert newest_whole_checkpoint(tmp_path) is None
    assert newest_whole_checkpoint(tmp_path / "nowhere") is None


def test_checkpoints_without_checksums_are_taken_as_before(tmp_path: Path) -> None:
    (write(tmp_path, 1) / CHECKSUMS).unlink()
    older = write(tmp_path, 2)
    (older / CHECKSUMS).unlink()
    assert newest_whole_checkpoint(tmp_path) == older


def test_steps_and_not_clocks_decide_what_is_old(tmp_path: Path) -> None:
    for step, second in ((1, 3_000_000), (2, 2_000_000), (3, 1_000_000)):
        checkpoint = write(tmp_path, step, keep=2)
        # The clock has gone backwards.
        os.utime(checkpoint, (second, second))
    assert steps(tmp_path) == [2, 3]


def test_steps_that_are_taken_again_replace_damaged_ones(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path, step)
    damage(checkpoint_of(tmp_path, 3), "cut", "optimizer.pt")
    again = write(tmp_path, 2, keep=1)
    assert steps(tmp_path) == [2]
    assert newest_whole_checkpoint(tmp_path) == again


@given(
    st.lists(st.sampled_from(["save", "killed while saving", "damage"]), max_size=12),
    st.integers(1, 3),
)
def test_a_run_goes_on_from_the_newest_that_is_whole(events: list[str], keep: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, step, whole = Path(name), 0, [0]
        for event in events:
            if event == "save":
                step += 1
                write(directory, step, keep=keep)
                whole = [*whole, step][-keep:] if whole != [0] else [step]
            elif event == "killed while saving":
                half = checkpoint_of(directory, step + 1)
                remove_checkpoint(half)
                half.mkdir()
                (half / FILES[0]).write_text("half", encoding="utf-8")
            elif whole != [0]:
                damage(checkpoint_of(directory, whole[-1]), "cut", FILES[1])
                whole = whole[:-1]
                if not whole:
                    with pytest.raises(RunError):
                        newest_whole_checkpoint(directory)
                    return
            # A run that was killed takes its steps again from there.
            found = newest_whole_checkpoint(directory)
            step = 0 if found is None else step_of(found)
            assert step == whole[-1]


def test_a_copy_that_people_put_beside_checkpoints_stays_and_is_none(tmp_path: Path) -> None:
    own = tmp_path / "checkpoint-copy"
    own.mkdir()
    newest = [write(tmp_path, step, keep=1) for step in (1, 2)][-1]
    assert newest_whole_checkpoint(tmp_path) == newest
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-2", "checkpoint-copy"}
