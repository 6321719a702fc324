"""Models as they are named, and the configs by which they are measured."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.comparison.given_models import model_configs, read_given, short_names
from rlsr.config import load_config
from rlsr.config.file_names import is_file_name
from rlsr.errors import ConfigError
from rlsr.runs import RunDirectory

Begin = Callable[..., str]
PARTS = st.lists(st.sampled_from(["a", "b", "runs", "final", "seed-0", "o d/d", "..."]), min_size=1, max_size=4)  # fmt: skip


@pytest.mark.parametrize(
    ("given_names", "names"),
    [
        (["runs/sft", "runs/rlsr"], ["sft", "rlsr"]),
        (["runs/sft/seed-0", "runs/base/seed-0/final"], ["sft", "base"]),
        (["one/x", "two/x", "two/y"], ["one-x", "two-x", "two-y"]),
        (["builtin:smollm2-135m", "org/Some-1.5B"], ["builtin-smollm2-135m", "Some-1.5B"]),
        (["x y", "x-y"], ["x-y", "x-y-2"]),
    ],
)
def test_names_are_short_and_distinct(given_names: list[str], names: list[str]) -> None:
    assert short_names(given_names) == names


@given(paths=st.lists(PARTS.map("/".join), min_size=1, max_size=5, unique=True))
def test_names_are_those_of_directories_whatever_is_named(paths: list[str]) -> None:
    names = short_names(paths)
    assert len({*names}) == len(names) == len(paths)
    assert all(map(is_file_name, names))


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Writes the directory of a run; returns its path."""

    def write(name: str, *settings: str, is_complete: bool = True, is_trained: bool = True) -> str:
        run = RunDirectory.create(tmp_path / name, load_config([], [*settings, "stages=null"]))
        run.write_provenance({})
        if is_complete:
            run.write_manifest({})
        if is_trained:
            run.final.mkdir()
        return str(run.path)

    return write


def test_a_run_gives_its_model_and_the_config_of_all(begin: Begin) -> None:
    sft = begin("sft", "data.path=mine.jsonl", "evaluation.batch_size=3", "model.lora=null")
    other = begin("other", "data.path=mine.jsonl", "evaluation.batch_size=5", is_trained=False)
    assert read_given("org/model").run is None
    configs, baseline = model_configs(
        ["org/model", sft, other], [{"seed": 4}], [{"seed": 5}, {"model": {"dtype": "float32"}}]
    )
    assert baseline == "model"
    assert list(configs) == ["model", "sft", "other"]
    assert {config.evaluation.batch_size for config in configs.values()} == {3}
    assert {config.data.path for config in configs.values()} == {"mine.jsonl"}
    assert {config.seed for config in configs.values()} == {5}
    assert {config.model.dtype for config in configs.values()} == {"float32"}
    names = [config.model.name for config in configs.values()]
    assert names == ["org/model", str(Path(sft).resolve() / "final"), "builtin:smollm2-135m"]
    by_other, baseline = model_configs([sft, other], [], [], baseline=other)
    assert baseline == "other"
    assert {config.evaluation.batch_size for config in by_other.values()} == {5}
    assert model_configs([sft, other], [], [], baseline="other")[1] == "other"


def test_runs_on_other_data_want_data_unless_held_out_prompts_are_not_asked(begin: Begin) -> None:
    runs = [begin("one", "data.path=a.jsonl"), begin("two", "data.path=b.jsonl")]
    with pytest.raises(ConfigError, match=r"one on a\.jsonl and .*two on b\.jsonl\), so that nothing says .* name them with --data FILE"):  # fmt: skip
        model_configs(runs, [], [])
    with pytest.raises(ConfigError, match="were not trained on the same data"):
        model_configs(runs, [], [], suites=["heldout", "ifeval"])
    named, _ = model_configs(runs, [], [{"data": {"path": "c.jsonl"}}])
    assert {config.data.path for config in named.values()} == {"c.jsonl"}
    own, _ = model_configs(runs, [], [], suites=["ifeval"])
    assert [config.data.path for config in own.values()] == ["a.jsonl", "b.jsonl"]
    begun = begin("three", "data.path=a.jsonl", "data.heldout=0.3")
    with pytest.raises(ConfigError, match=r"on a\.jsonl by other settings of data"):
        model_configs([runs[0], begun], [], [])


def test_mistakes_name_what_is_wrong(begin: Begin) -> None:
    run = begin("run")
    with pytest.raises(ConfigError, match="m/m: named twice"):
        model_configs(["m/m", "m/m"], [], [])
    with pytest.raises(ConfigError, match="--baseline: must be one of m, run, got 'n'"):
        model_configs(["m/m", run], [], [], baseline="n")
    with pytest.raises(ConfigError, match="the run is not complete, and leaves its model at its end"):  # fmt: skip
        model_configs([run, begin("half", is_complete=False)], [], [])
    with pytest.raises(ConfigError, match=r"model\.name: several models are named already, got x besides"):  # fmt: skip
        model_configs(["m/m", run], [], [{"model": "x"}])
    scorer = begin("scorer", "method=reward_model")
    with pytest.raises(ConfigError, match="some are policies and some are scorers"):
        model_configs([run, scorer], [], [])
