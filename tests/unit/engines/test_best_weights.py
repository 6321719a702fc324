"""The best weights on disk, whatever happens in between."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.engines.best_weights import BestWeights
from rlsr.errors import EngineError
from rlsr.runs.checksums import write_checksums


def writes(step: int) -> object:
    return lambda directory: (directory / "weights").write_text(str(step), encoding="utf-8")


def kept(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} if directory.is_dir() else set()


@given(st.lists(st.sampled_from(["step", "better", "checkpoint", "killed", "killed while saving"])))
def test_a_killed_run_finds_the_best_of_its_checkpoint(events: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "best"
        weights = BestWeights(directory)
        weights.keep(0, writes(0))  # type: ignore[arg-type]
        weights.on_checkpoint()
        step, best, at_checkpoint = 0, 0, (0, 0)
        for event in events:
            if event == "checkpoint":
                weights.on_checkpoint()
                at_checkpoint = (step, best)
            elif event.startswith("killed"):
                if event == "killed while saving":
                    with pytest.raises(KeyboardInterrupt):
                        weights.keep(step + 1, dies_halfway)
                step, best = at_checkpoint
                weights = BestWeights(directory)
                weights.go_on_from(best)
                assert kept(directory) == {f"step-{best:06d}"}
            else:
                step += 1
                if event == "better":
                    best = step
                    weights.keep(step, writes(step))  # type: ignore[arg-type]
            assert len(kept(directory)) <= 2
            weights.copy_to(Path(name) / "final")
            assert (Path(name) / "final" / "weights").read_text(encoding="utf-8") == str(best)


def dies_halfway(directory: Path) -> None:
    (directory / "weights").write_text("half", encoding="utf-8")
    raise KeyboardInterrupt


def test_weights_that_are_gone_are_missed_at_once(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        BestWeights(tmp_path / "best").go_on_from(3)
    assert str(caught.value) == (
        f"{tmp_path / 'best' / 'step-000003'}: the run could not end with the best weights so far, those after step 3: they are not "
        "there; put the directory back, or start a new run"
    )


def save_whole(directory: Path) -> None:
    (directory / "weights").write_text("whole", encoding="utf-8")
    write_checksums(directory)


def test_weights_that_were_damaged_are_not_taken(tmp_path: Path) -> None:
    directory = tmp_path / "best"
    BestWeights(directory).keep(3, save_whole)
    BestWeights(directory).go_on_from(3)
    (directory / "step-000003" / "weights").write_text("whale", encoding="utf-8")
    with pytest.raises(
        EngineError, match=r"weights is not what was written there; put the directory"
    ):
        BestWeights(directory).go_on_from(3)


def test_the_best_of_every_checkpoint_that_is_kept_is_there(tmp_path: Path) -> None:
    directory = tmp_path / "best"
    weights = BestWeights(directory, keep_checkpoints=2)
    for step in (1, 2, 3, 4):
        weights.keep(step, save_whole)
        weights.on_checkpoint()
    weights.keep(5, save_whole)
    assert kept(directory) == {"step-000003", "step-000004", "step-000005"}
    # The checkpoint of step 4 turns out to be damaged.
    resumed = BestWeights(directory, keep_checkpoints=2)
    resumed.go_on_from(3)
    assert kept(directory) == {"step-000003"}
    resumed.keep(4, save_whole)
    resumed.on_checkpoint()
    assert kept(directory) == {"step-000003", "step-000004"}


def test_without_a_measurement_nothing_is_missed(tmp_path: Path) -> None:
    BestWeights(tmp_path / "best").go_on_from(None)
    assert not (tmp_path / "best").exists()
