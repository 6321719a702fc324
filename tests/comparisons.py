"""A planned comparison and finished runs of it, made without a model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.cells import Cell
from rlsr.comparison.experiment import experiment_from_table
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.result import ComparedRecipe, ComparedRun, Comparison
from rlsr.config import stages_from_table
from rlsr.evaluation.metrics import SharedMetric, primary_metrics, shared_metrics, tie_margins
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json_lines
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.validation import MEASURES
from rlsr.statistics import Estimate
from rlsr.statistics.against_baseline import MetricComparison, Verdict

PROMPTS = 40
METRICS = ("reward", "similarity", "chrf", "bleu", "length_ratio", "repetition", "cut")
LEVELS = {"base": 0.3, "sft": 0.5, "rlsr": 0.3, "sft+rlsr": 0.2}
"""Where the scores of a recipe lie."""


def make_plan(**changes: Any) -> ComparisonPlan:
    """Plan three trained recipes with two seeds, each for ten steps."""
    table: dict[str, Any] = {
        "base": {
            "method": {"max_response_tokens": 8},
            "evaluation": {"independent_embedding": None, "num_resamples": 500},
            "reward": {"similarity": {"variant": "cosine"}},
        },
        "recipes": {
            "base": {},
            "sft": {"method": "sft"},
            "rlsr": {"method": "rlsr"},
            "sft+rlsr": {"method": ["sft", "rlsr"]},
        },
        "seeds": [0, 1],
        "budget": {"by": "steps", "amount": 10},
        **changes,
    }
    experiment = experiment_from_table(table)
    recipes = resolve_recipes(experiment)
    configs = [stage for recipe in recipes for stage in recipe.stages]
    return ComparisonPlan(
        experiment=experiment,
        recipes=recipes,
        metrics=shared_metrics(configs),
        tie_margins=tie_margins(experiment.tie_margins),
        num_train=24,
        num_heldout=PROMPTS,
        data_sha256="ab12",
        warnings=("something may surprise",),
    )


def scores(recipe: str, seed: int) -> list[float]:
    """Make the scores of a run: those of the baseline, moved to the recipe's level, and a little noise of its own."""
    prompts = np.random.default_rng(7).normal(0, 0.2, PROMPTS)
    noise = np.random.default_rng(seed + 100).normal(0, 0.01, PROMPTS)
    own = 0 if recipe == "base" else noise
    values: list[float] = (prompts + own + LEVELS.get(recipe, 0.3)).tolist()
    return values


def answers(values: list[float], ids: list[str] | None = None) -> list[dict[str, Any]]:
    ids = ids or [f"prompt-{place}" for place in range(len(values))]
    return [
        {
            "id": id_,
            "category": None,
            "prompt": "?",
            "reference": "!",
            "response": "a",
            "scores": {
                name: 100 * value if name in {"chrf", "bleu"} else value for name in METRICS
            },
        }
        for id_, value in zip(ids, values, strict=True)
    ]


def finish(cell: Cell, *, ids: list[str] | None = None, measured: Sequence[float] = ()) -> None:
    """Write what the process of a cell would have written, with measurements on validation prompts before and after steps."""
    values = scores(cell.recipe, cell.seed)
    if len(cell.stages) > 1:
        if not cell.has_begun:
            PipelineDirectory.create(cell.path, stages_from_table(cell.table))
        runs = list(zip(cell.runs, cell.stages, strict=True))
    else:
        runs = [(cell.runs[0], cell.stages[0])]
    for run, config in runs:
        if not (run.path / "config.json").is_file():
            RunDirectory.create(run.path, config)
        (run.checkpoints / "checkpoint-5").mkdir()
        run.final.mkdir()
        run.write_provenance({"processor": "abacus", "accelerator": None, "data_sha256": "ab12"})
        column = MEASURES[config.validation_metric].column
        for step, value in enumerate(measured):
            run.append_metrics(
                {"step": step, column: value, "time/validation": 1.0, "time/step": 2.0 * (step > 0)}
            )
        if not config.evaluation.enabled:
            run.write_manifest({"num_steps": 0})
            continue
        if not cell.is_untrained:
            before = run.evaluation / "before.jsonl"
            if not before.is_file():
                write_json_lines(before, answers(scores("base", 0)))
            for step in range(1, 10 // len(runs) + 1):
                run.append_metrics(
                    {
                        "step": step,
                        "time/step": 2.0,
                        "tokens/trained": 50,
                        "memory/peak_gb": 1.0 + cell.seed,
                    }
                )
        write_json_lines(run.evaluation / "after.jsonl", answers(values, ids))
        run.write_manifest({"num_steps": 0})


def found_in(
    verdict: Verdict | None, difference: float = 0.25, half: float = 0.125
) -> MetricComparison:
    """Make up what a recipe reached in a metric."""
    ends = Estimate(difference, difference - half, difference + half, 9)
    return MetricComparison(Estimate(0.5, 0.25, 0.75, 9), ends, verdict)


def compared(
    name: str, metrics: Mapping[str, MetricComparison], against: str | None = "base"
) -> ComparedRecipe:
    """Make up a recipe that took no step."""
    runs = (ComparedRun.of_steps(0, name, []),)
    return ComparedRecipe(
        name, (name,) if against else (), runs, metrics=metrics, wins={}, compared_with=against
    )


def make_comparison(metrics: Mapping[SharedMetric, Verdict | None], **changes: Any) -> Comparison:
    """Make up a comparison of ``mine`` with ``base``."""
    start = MetricComparison(Estimate(0.25, 0.0, 0.5, 9), None, "baseline")
    made = Comparison(
        origin=None,
        budget=None,
        baseline="base",
        seeds=(),
        num_prompts=40,
        confidence=0.95,
        adjusted_confidence=0.9875,
        num_comparisons=1,
        metrics=tuple(metrics),
        recipes=(
            compared("base", {metric.name: start for metric in metrics}, None),
            compared(
                "mine", {metric.name: found_in(verdict) for metric, verdict in metrics.items()}
            ),
        ),
        notes=(),
        primary=tuple(metric.name for metric in primary_metrics(tuple(metrics))),
    )
    return replace(made, **changes)


def recipe_of(comparison: Comparison, name: str) -> ComparedRecipe:
    return next(recipe for recipe in comparison.recipes if recipe.name == name)


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
