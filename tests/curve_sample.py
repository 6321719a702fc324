"""Runs that were measured along the way, and a comparison with their curves, made without training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from report_sample import METRICS, write_sample_comparison
from rlsr.comparison.curve import AFTER, ALONG, BEFORE, Curves, PlainStep
from rlsr.comparison.curve_estimates import CurveSettings, trace_curves
from rlsr.comparison.measured_run import MeasuredRun, Measurement
from rlsr.comparison.result import Comparison, read_comparison
from rlsr.evaluation.metrics import BUILT_IN, SharedMetric
from rlsr.runs.rows import HeldoutRow

PROMPTS = 40
SIMILARITY = SharedMetric("independent_similarity", False, "higher")
LENGTH = SharedMetric("length_ratio", False, "near_one")
SETTINGS = CurveSettings("sft", "base", (0.25, 0.5), confidence=0.95, num_resamples=300)
COURSES: Mapping[str, Sequence[tuple[str, float, float]]] = {
    "base": [(BEFORE, 0, 0.3)],
    "sft": [(BEFORE, 0, 0.3), (ALONG, 60, 0.5), (ALONG, 120, 0.55), (AFTER, 240, 0.56)],
    "dpo": [(BEFORE, 0, 0.3), (ALONG, 62, 0.3), (ALONG, 125, 0.32), (AFTER, 243, 0.4)],
    "rlsr": [(BEFORE, 0, 0.3), (ALONG, 65, 0.34), (ALONG, 130, 0.45), (AFTER, 250, 0.65)],
    "sft+rlsr": [
        (BEFORE, 0, 0.3), (ALONG, 60, 0.5), ("after 1-sft", 80, 0.53), (ALONG, 121, 0.62), (AFTER, 244, 0.7)
    ],
}  # fmt: skip
"""What was measured when, and the mean of what was found."""


def measured(
    name: str,
    course: Sequence[tuple[str, float, float]],
    seed: int = 0,
    *,
    names: Sequence[str] = METRICS,
    amount: float = 0.0,
    noise: float = 0.05,
) -> MeasuredRun:
    """Make up a run, whose scores lie around what a course says."""
    prompts = np.random.default_rng(7).normal(0, 0.1, PROMPTS)
    rng = np.random.default_rng((seed, len(name)))
    is_untrained = len(course) == 1
    found = []
    for place, (what, seconds, mean) in enumerate(course):
        # All recipes begin with the same policy.
        own = rng.normal(0, noise, PROMPTS) if place else np.zeros(PROMPTS)
        rows = [
            HeldoutRow(f"p{at}", "?", "!", "a", dict.fromkeys(names, float(score)))
            for at, score in enumerate(
                mean + (prompts - prompts.mean() + own if noise else 0 * own)
            )
        ]
        tokens = 100 * place
        found.append(
            Measurement(what, float(seconds), 10 * place, tokens, {row.key: row for row in rows})
        )
    end = float("inf") if is_untrained else max(found[-1].seconds, amount)
    return MeasuredRun(name, tuple(found), end)


def sample_runs(seeds: Sequence[int] = (0, 1)) -> dict[str, list[MeasuredRun]]:
    """Make up the runs of five recipes."""
    return {
        name: [measured(name, course, seed) for seed in (seeds if len(course) > 1 else seeds[:1])]
        for name, course in COURSES.items()
    }


def sample_curves(settings: CurveSettings = SETTINGS) -> Curves:
    """Trace the sample's recipes."""
    metrics = [SharedMetric(name, name == "reward", BUILT_IN[name].better) for name in METRICS]
    return trace_curves(sample_runs(), metrics, settings, PlainStep(3.125, 8))


def comparison_with_curves(path: Path) -> Comparison:
    """Write the sample's comparison without curves, and give it with them."""
    found = read_comparison(write_sample_comparison(path) / "compare.json")
    return replace(found, curves=sample_curves())
