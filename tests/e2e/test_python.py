"""The whole way of a notebook: rows in memory, a run, its model, and what is found of them."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import rlsr
from rlsr.api import TrainedRun
from rlsr.errors import RunError
from rlsr.runs.given_rows import ROWS_FILE

pytestmark = pytest.mark.slow


def settings_of(arguments: list[str]) -> dict[str, Any]:
    """The settings of a tiny run as a table, as a notebook has them."""
    import yaml

    pairs = (argument.split("=", 1) for argument in arguments)
    return {key: yaml.safe_load(value) for key, value in pairs if key != "data.path"}


@pytest.fixture(scope="module")
def rows(tiny_data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tiny_data.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(
    tiny_settings: list[str],
    rows: list[dict[str, Any]],
    said: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainedRun:
    out = tmp_path_factory.mktemp("runs") / "given"
    return rlsr.train(data=rows, settings=settings_of(tiny_settings), out=out, say=said.append)


def test_rows_in_memory_train_like_the_file_that_holds_them(
    trained: TrainedRun, tiny_settings: list[str], tiny_data: Path, tmp_path: Path
) -> None:
    of_file = rlsr.train(data=tiny_data, settings=tiny_settings, out=tmp_path / "run", say=None)
    for mine, theirs in zip(trained.metrics, of_file.metrics, strict=True):
        for name in ("reward/mean", "optim/loss", "optim/grad_norm"):
            assert mine[name] == theirs[name], name
    assert [row["after"] for row in trained.answers] == [row["after"] for row in of_file.answers]
    one, other = (run.stages[0].sessions[0]["data_sha256"] for run in (trained, of_file))
    assert one == other


def test_lines_say_what_happens(trained: TrainedRun, said: list[str]) -> None:
    assert trained.is_complete
    assert any(line.endswith("training") for line in said)
    assert any(line.startswith("step 3/3") for line in said)


def test_a_run_shows_its_numbers(trained: TrainedRun) -> None:
    assert [row["step"] for row in trained.metrics] == [1, 2, 3]
    assert {row["stage"] for row in trained.metrics} == {"given"}
    by_name = {row["metric"]: row for row in trained.heldout}
    similarity = by_name["similarity"]
    assert similarity["difference"] == pytest.approx(similarity["after"] - similarity["before"])
    assert "paired difference" in str(trained)
    assert "<table" in trained._repr_html_()
    assert len(trained.to_pandas()) == 3


def test_the_model_answers_as_it_was_measured(trained: TrainedRun) -> None:
    asked = trained.answers
    answers = trained.answer([row["prompt"] for row in asked])
    assert answers == [row["after"] for row in asked]
    assert trained.model() is trained.model()


def test_a_loaded_run_is_the_run(trained: TrainedRun) -> None:
    loaded = rlsr.load_run(trained.path)
    assert loaded.heldout == trained.heldout
    assert loaded.metrics == trained.metrics


@pytest.mark.parametrize("are_given_again", [False, True])
def test_an_interrupted_run_goes_on_where_its_directory_was_moved(
    are_given_again: bool, trained: TrainedRun, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(trained.path, moved)
    # As a crash after the second step leaves it, in a place where the old one is gone.
    (moved / "manifest.json").unlink()
    shutil.rmtree(moved / "checkpoints" / "checkpoint-3")
    config = json.loads((moved / "config.json").read_text(encoding="utf-8"))
    config["data"]["path"] = str(tmp_path / "gone" / ROWS_FILE)
    (moved / "config.json").write_text(json.dumps(config), encoding="utf-8")
    again = rows if are_given_again else None
    resumed = rlsr.train(data=again, out=moved, resume=True, say=None)
    assert resumed.is_complete
    assert [row["optim/loss"] for row in resumed.metrics] == [
        row["optim/loss"] for row in trained.metrics
    ]


def test_other_rows_are_refused_in_the_same_directory(
    trained: TrainedRun, rows: list[dict[str, Any]], tiny_settings: list[str]
) -> None:
    with pytest.raises(RunError, match="a directory that does not exist or is empty"):
        rlsr.train(data=rows, settings=settings_of(tiny_settings), out=trained.path)
    with pytest.raises(RunError, match="other rows were given here before"):
        rlsr.train(data=rows[1:], out=trained.path, resume=True)


def test_stages_are_one_run(
    rows: list[dict[str, Any]], tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = {**settings_of(tiny_settings), "training.steps": 1}
    del settings["stages"]
    config: Mapping[str, Any] = {"method": ["sft", "rlsr"]}
    run = rlsr.train(config, data=rows, settings=settings, out=tmp_path / "run", say=None)
    assert [stage.name for stage in run.stages] == ["1-sft", "2-rlsr"]
    assert {row["stage"] for row in run.metrics} == {"1-sft", "2-rlsr"}
    assert (run.path / ROWS_FILE).is_file()
    assert run.changes
    assert repr(run).endswith(": sft, 1 step; then rlsr, 1 step)")
    measured = rlsr.evaluate(run, out=tmp_path / "evaluation", say=None)
    after = {one.name: one.after.mean for one in run.changes}
    found = {row["metric"]: row["mean"] for row in measured.metrics}
    for name, mean in found.items():
        assert mean == pytest.approx(after[name], nan_ok=True), name
    # Four prompts have no interval, and NaN is never itself.
    assert repr(rlsr.load_run(measured.path).means) == repr(measured.summary.suites[0].metrics)
    assert len(measured.answers) == 4


def test_an_audit_of_rows(
    rows: list[dict[str, Any]], tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = settings_of(tiny_settings)
    del settings["stages"]
    found = rlsr.audit(rows, settings=settings, model="none", out=tmp_path / "audit", say=None)
    assert found.verdict in {"ok", "warn", "fail", "not enough"}
    assert (found.path / "audit.json").is_file()
    assert "<table" in found._repr_html_()
    assert {row["check"] for row in found.metrics} == {check.name for check in found.audit.checks}


def test_a_comparison_of_rows(
    rows: list[dict[str, Any]], tiny_settings: list[str], tmp_path: Path
) -> None:
    from rlsr.api.settings import overrides_of
    from rlsr.config.layers import merge_layers

    settings = settings_of(tiny_settings)
    del settings["training.steps"]
    base = merge_layers([], overrides_of(settings))
    del base["method"]["num_generations"]
    experiment = {
        "base": base,
        "recipes": {"base": {}, "sft": {"method": "sft"}},
        "seeds": [0],
        "budget": {"by": "steps", "amount": 1},
    }
    found = rlsr.compare(experiment, data=rows, out=tmp_path / "compared", say=None)
    assert {row["recipe"] for row in found.metrics} == {"base", "sft"}
    baseline = [row for row in found.metrics if row["recipe"] == "base"]
    assert all(row["difference"] is None for row in baseline)
    assert all(math.isfinite(row["mean"]) for row in baseline if row["metric"] == "reward")
    assert found.run("sft").path == tmp_path / "compared" / "runs" / "sft" / "seed-0"
    assert "sft" in str(found)
    with pytest.raises(RunError, match="no run of dft in this comparison"):
        found.run("dft")
