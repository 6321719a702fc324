"""Names out of files become names of files, and none of them leaves the directory that it is put into."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_sample import write_sample_comparison, write_sample_pipeline
from rlsr.comparison.experiment import experiment_from_table
from rlsr.comparison.result import read_comparison
from rlsr.config import StagedConfig, load_config
from rlsr.config.file_names import is_file_name
from rlsr.errors import ConfigError, RunError
from rlsr.evaluation.suites import load_suites
from rlsr.report.report_data import read_report_data
from rlsr.runs.pipeline_directory import PipelineDirectory

LEAVING = ["../x", "..", ".", "", "a/../../x", "/etc/x", "a\\b", "a\0b", "x" * 300]


@given(st.text())
def test_a_file_name_is_one_part_of_a_path(name: str) -> None:
    if is_file_name(name):
        assert Path("directory", name).parent == Path("directory")
        assert Path("directory", name).name == name
        assert "\0" not in name


@pytest.mark.parametrize(
    "name", ["1-rlsr", "sft+rlsr", "a b", ".hidden", "..x", "日本語", "x" * 255]
)
def test_other_names_may_be_taken(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize("name", LEAVING)
def test_a_stage_lies_in_its_pipeline(name: str, tmp_path: Path) -> None:
    dump = {"stages": [{"name": name, "config": load_config().model_dump(mode="json")}]}
    with pytest.raises(ConfigError, match="name is that of a directory"):
        StagedConfig.from_dump(dump)
    (tmp_path / "pipeline.json").write_text(json.dumps(dump), encoding="utf-8")
    with pytest.raises(RunError, match="name is that of a directory"):
        PipelineDirectory.open(tmp_path)
    with pytest.raises(RunError, match=r"pipeline\.json: damaged: a stage's name is that of"):
        read_report_data([tmp_path])


@pytest.mark.parametrize("place", [*LEAVING, "runs/../../x", "runs//seed-0"])
def test_a_run_lies_in_its_comparison(place: str, tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "all", num_prompts=3, num_steps=2, seeds=(0,))
    file = path / "compare.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    table["recipes"][0]["runs"][0]["path"] = place
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(RunError, match="runs lie in the directory of their comparison"):
        read_comparison(file)


def test_what_wrote_the_sample_lies_where_it_should(tmp_path: Path) -> None:
    assert read_report_data([write_sample_pipeline(tmp_path / "stages", 3, 2)]).policies


@pytest.mark.parametrize("name", LEAVING)
def test_a_recipe_and_a_suite_have_names_of_files(name: str) -> None:
    table = {"recipes": {"a": {}, name: {"seed": 1}}, "budget": {"by": "steps", "amount": 1}}
    with pytest.raises(ConfigError):
        experiment_from_table(table)
    with pytest.raises(ConfigError, match="--suite"):
        load_suites([name])


@pytest.mark.parametrize("seed", ["../1", "-1", "1/2"])
def test_a_seed_is_a_number(seed: str) -> None:
    with pytest.raises(ConfigError, match="seeds"):
        experiment_from_table(
            {"recipes": {"a": {}, "b": {}}, "budget": {"by": "steps", "amount": 1}, "seeds": [seed]}
        )
