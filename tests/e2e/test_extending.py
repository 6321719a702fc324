"""The examples of docs/extending.md are complete: each is taken from the page and does what the page says."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from plugin_packages import write_package
from rlsr.config import load_config
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.engines import table
from rlsr.engines.stopping import stop_reason
from rlsr.monitors.watch import require_monitors
from rlsr.pipeline import estimate_run, plan_run, train_run
from rlsr.pipeline.evaluate import evaluate_run
from rlsr.plugins import import_object
from rlsr.runs import RunDirectory

pytest.importorskip("trl", reason="the train extra is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
LONGEST = 60
EXAMPLES = {
    match["name"]: match["code"]
    for match in re.finditer(
        r"^```python\n# (?P<name>\w+\.py)\n(?P<code>.*?)^```", PAGE.read_text(), re.M | re.S
    )
}
METADATA = [
    tomllib.loads(block)["project"]["entry-points"]
    for block in re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.M | re.S)
]
"""What the page has a package declare, in the order of the page."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    assert len(EXAMPLES[name].splitlines()) < LONGEST


@pytest.fixture
def installed(packages: Path) -> Path:
    """The packages of the page, installed as their metadata says."""
    for points in METADATA:
        ((group, named),) = points.items()
        module = next(iter(named.values())).partition(":")[0]
        declared = {group.replace(".", "_"): named}
        write_package(packages, module.replace("_", "-"), EXAMPLES[f"{module}.py"], **declared)
    return packages


def trained(tiny_settings: list[str], path: Path, *more: str) -> RunDirectory:
    """Train the tiny policy for a step."""
    config = load_config(overrides=[*tiny_settings, "training.steps=1", *more])
    train_run(plan_run(config), path)
    return RunDirectory(path)


def test_a_function_rewards(
    tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "length_reward.py").write_text(EXAMPLES["length_reward.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = [{"prompt": f"Say {n}", "response": "a cat", "words": n} for n in range(1, 13)]
    data = tmp_path / "words.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = trained(
        tiny_settings,
        tmp_path / "run",
        f"data.path={data}",
        "reward={type: python, function: 'length_reward:by_length', options: {tolerance: 10}}",
    )
    (row,) = run.read_metrics()
    assert 0 < row["reward/mean"] <= 1
    assert row["reward/num_unscored"] == 0


def test_a_package_adds_a_reward(tiny_settings: list[str], installed: Path, tmp_path: Path) -> None:
    run = trained(tiny_settings, tmp_path / "run", "reward.type=bullets", "reward.wanted=5")
    (row,) = run.read_metrics()
    assert row["reward/bullets"] == 0, "a random policy writes no lists"
    assert "lists of 5 lines" in (run.final / "README.md").read_text()


def test_packages_add_methods(tiny_settings: list[str], installed: Path, tmp_path: Path) -> None:
    run = trained(tiny_settings, tmp_path / "lead", "method.type=clear")
    (row,) = run.read_metrics()
    assert row["reward/lead"] >= 0
    supervised = [one for one in tiny_settings if not one.startswith("method.num_generations")]
    all_tokens, few = (
        trained(supervised, tmp_path / f"floor-{floor}", "method.type=confident", f"method.floor={floor}")
        for floor in ("1e-9", "0.5")
    )  # fmt: skip
    (row,), (other,) = all_tokens.read_metrics(), few.read_metrics()
    assert row["optim/loss"] > 0
    assert other["optim/loss"] == 0, "a random policy is sure of no token"


def test_packages_add_a_metric_and_a_suite(
    tiny_settings: list[str], installed: Path, tmp_path: Path
) -> None:
    plan = plan_run(load_config(overrides=tiny_settings))
    summary = evaluate_run(plan, tmp_path / "run", ["heldout", "sums"])
    heldout, sums = summary.suites
    (questions,) = (found for found in heldout.metrics if found.name == "questions")
    assert 0 <= questions.after.mean <= 1
    assert sums.num_prompts == 3
    assert [found.name for found in sums.metrics] == ["right"]


def test_a_layout_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rlsr.data import convert, layouts

    monkeypatch.setattr(layouts, "LAYOUT_COLUMNS", dict(layouts.LAYOUT_COLUMNS))
    monkeypatch.setattr(convert, "CONVERTERS", dict(convert.CONVERTERS))
    (tmp_path / "qa_layout.py").write_text(EXAMPLES["qa_layout.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    import_object("qa_layout:from_qa", "the example")
    sys.modules.pop("qa_layout")
    file = tmp_path / "qa.jsonl"
    rows = [{"question": f"What is {n}?", "answer": f"A number, {n}."} for n in range(4)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = load_dataset(DataConfig(path=str(file), heldout=1))
    assert str(dataset.report.layout) == "qa"
    assert {record.reference for record in [*dataset.train, *dataset.heldout]} == {
        row["answer"] for row in rows
    }


def test_an_engine_trains(
    tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space: dict[str, Any] = {}
    exec(EXAMPLES["command_engine.py"], space)
    copy = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[3], dirs_exist_ok=True)"
    engine = space["CommandEngine"](sys.executable, "-c", copy)
    monkeypatch.setattr(table, "ENGINES", {"trl": engine})
    plan = plan_run(load_config(overrides=[*tiny_settings, "training.steps=1"]))
    assert estimate_run(plan).step_seconds == 1
    summary = train_run(plan, tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    assert summary.num_steps == 1
    assert run.read_evaluation("before") == run.read_evaluation("after"), "the same model"
    assert len((run.path / "prompts.jsonl").read_text().splitlines()) == len(plan.dataset.train)


def test_a_monitor_that_is_installed_watches(installed: Path) -> None:
    config = load_config(overrides=["monitors.slow.action=stop"])
    require_monitors(config)
    rows = [{"step": step, "time/step": seconds} for step, seconds in ((1, 2.0), (2, 25.0))]
    assert stop_reason(rows[:1], config) is None
    assert stop_reason(rows, config) == (
        "monitors.slow: a step takes 12.5 times as long as the first one; look at what else the machine does"
    )
