"""A cell of a comparison: where it lies, what runs it, and what is left when it is complete."""

from pathlib import Path

import pytest

from comparisons import finish, make_plan
from rlsr.comparison.cells import Cell, remove_checkpoints


def cell(path: Path, name: str, seed: int = 0) -> Cell:
    return next(
        cell for cell in make_plan().cells(path) if cell.recipe == name and cell.seed == seed
    )


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
