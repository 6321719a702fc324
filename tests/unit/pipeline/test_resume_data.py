"""Which data a resumed run goes on with."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rlsr.config import RunConfig
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.errors import RunError
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.resume import open_for_resume
from rlsr.runs import RunDirectory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.jsonl"


def plan(file: Path, **columns: object) -> RunPlan:
    row = {"prompt": "Q", "response": "A", **columns}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    data = DataConfig(path=str(file), heldout=0)
    parts = SimpleNamespace(config=RunConfig(data=data), dataset=load_dataset(data))
    return cast("RunPlan", cast("Any", parts))


def begin(path: Path, begun: RunPlan, *left_out: str) -> Path:
    run = RunDirectory.create(path / "run", begun.config)
    hashes = {
        "data_sha256": begun.dataset.sha256,
        "columns_sha256": begun.dataset.columns_sha256,
    }
    run.write_provenance({key: hashes[key] for key in hashes if key not in left_out})
    return run.path


def test_the_same_data_go_on(tmp_path: Path, file: Path) -> None:
    path = begin(tmp_path, plan(file, level=1))
    assert open_for_resume(path, plan(file, level=1)).path == path


def test_other_answers_or_other_columns_are_refused(tmp_path: Path, file: Path) -> None:
    path = begin(tmp_path, plan(file, level=1))
    for changed in (plan(file, level=2), plan(file), plan(file, level=1, response="B")):
        with pytest.raises(RunError, match=r"my\.jsonl has changed since the run was begun"):
            open_for_resume(path, changed)


def test_a_run_from_when_columns_were_dropped_goes_on(tmp_path: Path, file: Path) -> None:
    path = begin(tmp_path, plan(file), "columns_sha256")
    assert open_for_resume(path, plan(file, level=2)).path == path
    with pytest.raises(RunError, match="has changed"):
        open_for_resume(path, plan(file, level=2, response="B"))


def test_a_further_reference_is_other_data(tmp_path: Path, file: Path) -> None:
    begun = plan(file)
    path = begin(tmp_path, begun)
    (record,) = begun.dataset.train
    train = (replace(record, other_references=("B",)),)
    changed = SimpleNamespace(config=begun.config, dataset=replace(begun.dataset, train=train))
    with pytest.raises(RunError, match="has changed"):
        open_for_resume(path, cast("RunPlan", cast("Any", changed)))
