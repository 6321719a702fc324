"""Which models a directory leaves."""

from pathlib import Path

from rlsr.config import load_config, load_stages
from rlsr.runs import RunDirectory, collect_provenance
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.trained_models import trained_models


def test_runs_and_stages_leave_models_and_a_model_leaves_none(
    tmp_path: Path, tiny_model: Path
) -> None:
    run = RunDirectory.create(tmp_path / "run", load_config())
    run.write_provenance(collect_provenance())
    assert trained_models(run.path) == [run.path / "final"]
    path = tmp_path / "stages"
    PipelineDirectory.create(path, load_stages(overrides=["method=[sft,rlsr]"]))
    assert trained_models(path) == [path / "1-sft" / "final", path / "2-rlsr" / "final"]
    assert trained_models(tiny_model) == []
    assert trained_models(tmp_path) == []
