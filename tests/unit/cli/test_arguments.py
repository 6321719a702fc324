"""What commands make of their arguments and options."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.cli.arguments import (
    default_directory,
    directory_to_resume,
    models_among,
    settings_of,
    split_arguments,
)
from rlsr.config.yaml_text import parse_override
from rlsr.errors import ConfigError

RESUMED = Path("runs/begun")


def test_files_are_told_from_settings() -> None:
    files, settings = split_arguments(["a.yaml", "seed=1", "b.yml", "data=c.yaml"])
    assert files == [Path("a.yaml"), Path("b.yml")]
    assert settings == ["seed=1", "data=c.yaml"]
    with pytest.raises(ConfigError, match=r"'c\.jsonl': expected a config file ending in \.yaml"):
        split_arguments(["a.yaml", "c.jsonl"])


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=20))
def test_an_option_is_read_as_it_was_given(value: str) -> None:
    (setting,) = settings_of({"data.path": value, "model": None})
    assert parse_override(setting) == {"data": {"path": value}}


@pytest.mark.parametrize(
    ("files", "data", "name"),
    [
        (["configs/first.yaml", "configs/my.run.yaml"], "builtin:instructions", "my.run"),
        ([], "builtin:instructions", "builtin-instructions"),
        ([], "sets/my.data.jsonl", "my"),
        ([], "org/set", "set"),
    ],
)
def test_results_are_named_after_config_or_data_and_the_time(
    files: list[str], data: str, name: str
) -> None:
    path = default_directory("runs", [Path(file) for file in files], data, suffix="-evaluation")
    assert path.parent == Path("runs")
    assert re.fullmatch(rf"{re.escape(name)}-evaluation-\d{{8}}-\d{{6}}", path.name)


@pytest.mark.parametrize(
    ("files", "overrides", "resume", "expected"),
    [
        (["a.yaml"], [], False, None),
        ([], ["seed=1"], False, None),
        (["a.yaml"], [], True, None),
        ([], ["seed=1"], True, None),
        ([], [], True, RESUMED),
    ],
)
def test_an_interrupted_run_has_its_own_config(
    files: list[str], overrides: list[str], resume: bool, expected: Path | None
) -> None:
    found = directory_to_resume(
        [Path(file) for file in files],
        overrides,
        RESUMED,
        resume=resume,
        what="run",
        nothing_given="nothing to train on",
    )
    assert found == expected


@pytest.mark.parametrize(
    ("resume", "message"),
    [
        (False, "nothing to train on"),
        (True, "--resume: needs the directory of the interrupted run; give it with --out DIR"),
    ],
)
def test_without_a_config_or_a_directory_there_is_nothing_to_do(resume: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        directory_to_resume(
            [], [], None, resume=resume, what="run", nothing_given="nothing to train on"
        )


def test_models_are_told_from_configs_and_settings(tmp_path: Path) -> None:
    run = tmp_path / "run=1.yaml"
    run.mkdir()
    given = ["a=1", str(run), "b.yaml", "builtin:smollm2-135m", "me/model-1.5", "data.path=x/y"]
    models, others = models_among(given)
    assert models == [str(run), "builtin:smollm2-135m", "me/model-1.5"]
    assert others == ["a=1", "b.yaml", "data.path=x/y"]
    # A directory that is not there is no model, and split_arguments says what is wrong with it.
    assert models_among(["nothing", "a/b/c", "no such"]) == ([], ["nothing", "a/b/c", "no such"])
