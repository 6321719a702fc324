"""Models that were evaluated by the same suites, held against one of them, and ``side_by_side.json``, where that is kept. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import rlsr
from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.config.file_names import is_file_name
from rlsr.errors import RunError
from rlsr.evaluation.kept import KeptEvaluation, KeptMetric, KeptSuite, now
from rlsr.evaluation.metrics import SharedMetric, primary_metrics, tie_margins
from rlsr.runs.json_file import RESTORE, read_json, write_json
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics.against_baseline import (
    MetricComparison,
    adjusted_confidence,
    compare_metric,
)
from rlsr.statistics.resamples import Floats
from rlsr.statistics.wins import WinShares, win_shares

VERSION = 1

FILE = "side_by_side.json"
"""Its name in the directory that the evaluations lie in."""

NO_HUMAN = "Wins are counted by measures of closeness to the reference that no reward has, which is no human judgement."
"""The caveat of win rates without a judge."""


@dataclass(frozen=True)
class SideBySide:
    """What several models have answered to the same prompts, and how they differ from one of them."""

    rlsr: str
    """The version that wrote it."""
    created: str
    """ISO time."""
    baseline: str
    """The model that the others are held against."""
    models: Mapping[str, str]
    """The policy of each, by its name in the tables, which is that of its directory, too."""
    suites: Mapping[str, Comparison]
    """By suite, each with the models as its recipes; ``num_comparisons`` counts the readings of all suites together."""


def side_by_side(evaluations: Mapping[str, KeptEvaluation], baseline: str) -> SideBySide:
    """Hold models against one of them.

    Args:
        evaluations: By the models' names, in their order; of the same suites and prompts.
        baseline: One of these names.

    Returns:
        Means, paired differences at a level at which all that are read hold together, and wins by measures that no reward has.

    Raises:
        RunError: They were not asked the same prompts.
    """
    first = evaluations[baseline]
    _require_same_prompts(evaluations, baseline)
    metrics = {name: _shared(name, list(evaluations.values())) for name in first.suites}
    num_primary = sum(len(primary_metrics(found)) for found in metrics.values())
    num_readings = (len(evaluations) - 1) * num_primary
    return SideBySide(
        rlsr=rlsr.__version__,
        created=now(),
        baseline=baseline,
        models={name: found.model for name, found in evaluations.items()},
        suites={
            name: _compare(
                name,
                {model: found.suites[name] for model, found in evaluations.items()},
                baseline,
                metrics=metrics[name],
                num_readings=num_readings,
                evaluation=first,
            )
            for name in first.suites
        },
    )


def suites_side_by_side(
    evaluations: Mapping[str, KeptEvaluation], *, without: Sequence[str] = ()
) -> tuple[dict[str, Comparison], tuple[str, ...]]:
    """Hold evaluations that were made one by one against the first of them, suite by suite, each by itself.

    Args:
        evaluations: By the models' names, in their order.
        without: Suites that are left out.

    Returns:
        By suite what those have found that were asked the prompts of the first one, and notices of those that were not.
    """
    suites = dict.fromkeys(name for one in evaluations.values() for name in one.suites)
    found: dict[str, Comparison] = {}
    notices: list[str] = []
    for suite in suites:
        if suite in without:
            continue
        own = {
            model: replace(one, suites={suite: one.suites[suite]})
            for model, one in evaluations.items()
            if suite in one.suites
        }
        first = next(iter(own))
        prompts = own[first].suites[suite].prompts
        alike = {model: one for model, one in own.items() if one.suites[suite].prompts == prompts}
        others = [model for model in own if model not in alike]
        if others:
            notices.append(
                f"{', '.join(others)} answered other prompts of {suite} than {first}, and is left out there."
            )
        found |= side_by_side(alike, first).suites
    return found, tuple(notices)


def _require_same_prompts(evaluations: Mapping[str, KeptEvaluation], baseline: str) -> None:
    expected = {name: suite.prompts for name, suite in evaluations[baseline].suites.items()}
    for model, found in evaluations.items():
        if {name: suite.prompts for name, suite in found.suites.items()} != expected:
            raise RunError(
                f"{model} and {baseline} were asked other prompts or suites, so that they do not stand side by side: the data or a suite's "
                "file has changed between the two; evaluate both anew in another directory"
            )


def _shared(suite: str, evaluations: Sequence[KeptEvaluation]) -> tuple[SharedMetric, ...]:
    """List the metrics of a suite that all models have by the same scorer."""
    suites = [found.suites[suite] for found in evaluations]
    return tuple(
        SharedMetric(metric.name, metric.in_reward, metric.better)
        for metric in suites[0].metrics
        if all(_is_same(metric, other.metric(metric.name)) for other in suites[1:])
    )


def _is_same(metric: KeptMetric, other: KeptMetric | None) -> bool:
    return other is not None and other.scorer == metric.scorer


def _compare(
    suite: str,
    found: Mapping[str, KeptSuite],
    baseline: str,
    *,
    metrics: tuple[SharedMetric, ...],
    num_readings: int,
    evaluation: KeptEvaluation,
) -> Comparison:
    primary, margins = primary_metrics(metrics), tie_margins({})
    compared: dict[str, dict[str, MetricComparison]] = {}
    wins: dict[str, dict[str, WinShares]] = {model: {} for model in found}
    for metric in metrics:
        scores = {model: _scores(kept, metric.name) for model, kept in found.items()}
        compared[metric.name] = compare_metric(
            scores,
            baseline,
            confidence=evaluation.confidence,
            num_readings=num_readings,
            is_read=metric in primary,
            num_resamples=evaluation.num_resamples,
        )
        if metric.name in margins and not metric.in_reward:
            for model in found:
                if model != baseline:
                    wins[model][metric.name] = win_shares(
                        scores[model], scores[baseline], margins[metric.name]
                    )
    return Comparison(
        origin=None,
        budget=None,
        baseline=baseline,
        seeds=(),
        num_prompts=found[baseline].num_prompts,
        confidence=evaluation.confidence,
        adjusted_confidence=adjusted_confidence(evaluation.confidence, num_readings),
        num_comparisons=num_readings,
        metrics=metrics,
        recipes=tuple(
            ComparedRecipe(
                name=model,
                methods=(),
                runs=(),
                metrics={name: of_models[model] for name, of_models in compared.items()},
                wins=wins[model],
                compared_with=None if model == baseline else baseline,
            )
            for model in found
        ),
        notes=(NO_HUMAN,) if any(wins.values()) else (),
        primary=tuple(metric.name for metric in primary),
        prompts=suite,
    )


def _scores(suite: KeptSuite, name: str) -> Floats:
    metric = suite.metric(name)
    assert metric is not None, "a shared metric is one of every model"
    return metric.values[np.newaxis]


def write_side_by_side(file: Path, found: SideBySide) -> None:
    """Write ``side_by_side.json``, atomically; the keys are the names of the fields, and what a comparison of models lacks is left out.

    Args:
        file: Where to; its directory exists.
        found: What was found.
    """
    table = to_table(found)
    for comparison in table["suites"].values():
        for name in ("seeds", "choices", "validation", "curves", "scores"):
            del comparison[name]
    write_json(file, {"version": VERSION, **table})


def read_side_by_side(file: Path) -> SideBySide:
    """Read what :func:`write_side_by_side` wrote.

    Args:
        file: A ``side_by_side.json``.

    Raises:
        RunError: The file is missing, damaged, or of another version.
    """
    table: dict[str, Any] = read_json(file)
    if table.get("version") != VERSION:
        raise RunError(
            f"{file}: expected version {VERSION} of the format, got {table.get('version')!r}; evaluate again with this rlsr"
        )
    suites = table.get("suites")
    if isinstance(suites, dict):
        table["suites"] = {
            name: {**one, "seeds": ()} if isinstance(one, dict) else one
            for name, one in suites.items()
        }
    try:
        found = from_table(SideBySide, table)
    except ValueError as error:
        raise RunError(f"{file}: damaged: {error}; {RESTORE}, or evaluate again") from error
    odd = [name for name in found.models if not is_file_name(name)]
    if odd or found.baseline not in found.models:
        raise RunError(
            f"{file}: damaged: models have the names of directories, and the baseline is one of them, got {', '.join(found.models)} and "
            f"{found.baseline}; {RESTORE}, or evaluate again"
        )
    return found
