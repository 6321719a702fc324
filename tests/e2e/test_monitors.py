"""Runs that are made to fail raise the right alarm in time, and a sound one raises none: the cases of benchmarks/monitors.py."""

import importlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rlsr.runs import RunDirectory

pytest.importorskip("trl", reason="the train extra is not installed")
pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FAILURES = ("fooled_encoder", "rate", "length", "constant", "unscored")


class Taught(NamedTuple):
    script: Any
    model: Path
    data: Path


@pytest.fixture(scope="module")
def taught(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny policy, taught to answer, and the script that knows how to make it fail."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
        script = importlib.import_module("monitors")
        place = tmp_path_factory.mktemp("taught")
        data = script.write_data(place / "data.jsonl")
        yield Taught(script, script.teach(tiny_model, data, place / "run"), data)


def test_every_case_is_tried(taught: Taught) -> None:
    assert set(taught.script.CASES) == {"sound", *FAILURES}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_told_in_time(taught: Taught, tmp_path: Path, name: str) -> None:
    case = taught.script.CASES[name]
    said = taught.script.run_case(case, taught.model, taught.data, tmp_path / "run", seed=0)
    alarms = taught.script.first_alarms(said)
    assert set(alarms) >= set(case.expected)
    assert max(alarms[monitor] for monitor in case.expected) <= case.within


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sound_run_raises_no_alarm(taught: Taught, tmp_path: Path, seed: int) -> None:
    case = taught.script.CASES["sound"]
    said = taught.script.run_case(case, taught.model, taught.data, tmp_path / "run", seed=seed)
    assert taught.script.first_alarms(said) == {}


def test_a_monitor_that_stops_ends_the_run_with_its_weights(taught: Taught, tmp_path: Path) -> None:
    script = taught.script
    case = script.CASES["constant"]
    stopping = script.Case("", (*case.settings, "monitors.no_signal.action=stop"), ())
    script.run_case(stopping, taught.model, taught.data, tmp_path / "run", seed=0)
    run = RunDirectory(tmp_path / "run")
    manifest = run.read_manifest()
    assert manifest["num_steps"] == 5
    assert manifest["stopped"].startswith("monitors.no_signal: 100% of the last groups")
    assert [sign["name"] for sign in manifest["monitors"]] == ["no_signal"]
    assert list(run.final.glob("*.safetensors"))
