"""``compare.json`` as a typed value."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comparisons import recipe_of
from rlsr.comparison.experiment import BudgetConfig
from rlsr.comparison.result import (
    ComparedRecipe,
    ComparedRun,
    Comparison,
    Origin,
    read_comparison,
    write_comparison,
)
from rlsr.errors import RunError
from rlsr.evaluation.metrics import SharedMetric
from rlsr.statistics import Estimate
from rlsr.statistics.against_baseline import MetricComparison
from rlsr.statistics.wins import WinShares

NAN = float("nan")


def make(**changes: Any) -> Comparison:
    base = ComparedRecipe(
        name="base",
        methods=(),
        runs=(ComparedRun(0, "runs/base/seed-0", 0, 0.0, 0, None),),
        metrics={"chrf": MetricComparison(Estimate(3.0, 2.0, 4.0, 8), None, "baseline")},
        wins={},
    )
    own = ComparedRecipe(
        name="sft+rlsr",
        methods=("sft", "rlsr"),
        runs=(ComparedRun(0, "runs/sft+rlsr/seed-0", 30, 120.3, None, 5.1),),
        metrics={
            "chrf": MetricComparison(
                Estimate(NAN, NAN, NAN, 0), Estimate(0.5, NAN, NAN, 1), "no difference shown"
            )
        },
        wins={"chrf": WinShares(NAN, NAN, NAN, 1.0)},
        compared_with="base",
    )
    table: dict[str, Any] = {
        "origin": Origin("0.1.0", "2026-01-01T00:00:00+00:00", None, {"cores": 2}, {"seeds": [0]}),
        "budget": BudgetConfig(by="wall_clock", amount=120),
        "baseline": "base",
        "seeds": (0,),
        "num_prompts": 8,
        "confidence": 0.95,
        "adjusted_confidence": 0.95,
        "num_comparisons": 1,
        "metrics": (SharedMetric("chrf", False, "higher"), SharedMetric("own", False, None)),
        "recipes": (base, own),
        "notes": ("one seed",),
    }
    return Comparison(**{**table, **changes})


def test_it_reads_back_what_it_wrote_with_nan_for_what_is_unscored(tmp_path: Path) -> None:
    file = tmp_path / "compare.json"
    write_comparison(file, make())
    found = read_comparison(file)
    own = recipe_of(found, "sft+rlsr")
    assert np.isnan([own.metrics["chrf"].mean.mean, own.wins["chrf"].tie]).all()
    assert own.metrics["chrf"].difference is not None
    assert own.metrics["chrf"].difference.mean == 0.5
    assert own.tokens is None
    assert own.compared_with == "base"
    assert recipe_of(found, "base") == recipe_of(make(), "base")
    assert found.metrics == make().metrics
    second = tmp_path / "again.json"
    write_comparison(second, found)
    assert json.loads(second.read_bytes()) == json.loads(file.read_bytes())


def test_a_file_of_version_1_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    kept = Path(__file__).with_name("compare-version-1.json")
    found = read_comparison(kept)
    assert replace(found, recipes=()) == replace(make(), recipes=())
    assert found.recipes[0] == make().recipes[0]
    assert found.recipes[1].runs == make().recipes[1].runs
    write_comparison(tmp_path / "compare.json", found)
    again = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    old = json.loads(kept.read_text(encoding="utf-8"))
    # What has come since is empty in it.
    assert again == {**old, "choices": []}
    assert list(again)[: len(old)] == list(old)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.update(version=2), "expected version 1"),
        (lambda table: table.pop("version"), "expected version 1"),
        (lambda table: table.pop("baseline"), "damaged: baseline"),
        (
            lambda table: table["recipes"][1].pop("metrics"),
            "damaged: recipes.1.metrics: field required",
        ),
        (lambda table: table.update(recipes=[3]), "damaged"),
        (
            lambda table: table["recipes"][1]["metrics"]["chrf"].update(verdict="best"),
            "damaged: recipes.1.metrics.chrf.verdict",
        ),
    ],
)
def test_a_damaged_file_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    file = tmp_path / "compare.json"
    write_comparison(file, make())
    table = json.loads(file.read_text(encoding="utf-8"))
    change(table)
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(RunError, match=message):
        read_comparison(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"compare\.json"):
        read_comparison(tmp_path / "compare.json")
