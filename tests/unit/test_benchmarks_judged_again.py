"""benchmarks/judged_again.py: the table of recipes whose rewards differ."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(importlib.import_module("claim_over_sets"), "NUM_RESAMPLES", 100)
    return importlib.import_module("judged_again")


def test_differences_are_of_the_first_from_the_second_and_marked_where_one_was_trained_on_it(
    module: Any,
) -> None:
    levels = {"sft": 0.5, "cosine": 0.6, "blend": 0.575}
    metrics = [*module.ENCODERS, *module.SCORED]
    kept = {
        "alpaca": {
            name: {metric: np.full((3, 40), level).tolist() for metric in metrics}
            for name, level in levels.items()
        }
    }
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in module.table(kept).splitlines()}
    found = dict(zip(metrics, rows["| alpaca, blend - cosine"], strict=True))
    assert found["third encoder"] == "-0.025 [-0.025, -0.025]"
    assert found["MiniLM"] == found["wordllama"] == "(-0.025 [-0.025, -0.025])"
    found = dict(zip(metrics, rows["| alpaca, cosine - sft"], strict=True))
    assert found["wordllama"] == "+0.100 [+0.100, +0.100]"
    assert found["MiniLM"].startswith("(+0.100")
    assert rows["| alpaca, sft"][0] == "0.500"


def test_sets_together_weigh_the_same(module: Any) -> None:
    def scores(level: float, num: int) -> dict[str, Any]:
        return dict.fromkeys([*module.ENCODERS, *module.SCORED], np.full((3, num), level).tolist())

    kept = {
        "small": {"sft": scores(0.5, 10), "blend": scores(0.6, 10)},
        "large": {"sft": scores(0.5, 90), "blend": scores(0.8, 90)},
    }
    *_, last = module.table(kept, ["small", "large"]).splitlines()
    assert last.startswith("| small and large, blend - sft | +0.200 [+0.200, +0.200] |")


@pytest.mark.parametrize(
    "name",
    [
        "default-reward",
        "longer-or-mean",
        "mean-over-steps",
        "rlsr-alone",
        "dft",
        "wide-rollouts",
        "scaled-means",
    ],
)
def test_the_page_has_what_the_file_says(module: Any, name: str) -> None:
    kept = json.loads((module.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    page = module.PAGE.read_text(encoding="utf-8")
    for line in module.table(kept).splitlines():
        # Intervals of few resamples are others.
        assert line.partition("[")[0] in page


def test_many_recipes_are_set_against_the_first(module: Any) -> None:
    scores = dict.fromkeys([*module.ENCODERS, *module.SCORED], np.full((1, 40), 0.5).tolist())
    recipes = ("sft", "one run", "longer", "mean")
    lines = module.table({"alpaca": dict.fromkeys(recipes, scores)}).splitlines()
    assert [line.split(" | ")[0] for line in lines if " - " in line] == [
        f"| alpaca, {name} - sft" for name in recipes[1:]
    ]
    lines = module.table(
        {"alpaca": dict.fromkeys(recipes, scores)}, against=["longer"]
    ).splitlines()
    assert [line.split(" | ")[0] for line in lines if " - " in line] == ["| alpaca, mean - longer"]
