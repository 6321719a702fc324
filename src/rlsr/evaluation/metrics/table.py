"""Which held-out metrics there are: a line a family, and those of installed packages. No torch."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from rlsr.config import RunConfig
from rlsr.config.training import EvaluationConfig
from rlsr.errors import ConfigError
from rlsr.evaluation.metrics import (
    diversity,
    exact,
    formulas,
    independent,
    of_reward,
    overlap,
    pairs,
    repetition,
)
from rlsr.evaluation.metrics.length import CUT, LENGTH_RATIO
from rlsr.evaluation.metrics.likelihood import REFERENCE_NLL
from rlsr.evaluation.metrics.metric import OF_PART, HeldoutBatch, Metric
from rlsr.evaluation.metrics.of_reward import measured_by_reward
from rlsr.plugins import find_plugins, load_plugin, plugin_origins
from rlsr.rewards import reward_kind

logger = logging.getLogger(__name__)

GROUP: Final = "rlsr.metrics"
"""The group of entry points by which a package adds a metric."""

BUILT_IN: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        *of_reward.METRICS,
        *formulas.METRICS,
        *independent.METRICS,
        *overlap.METRICS,
        *exact.METRICS,
        LENGTH_RATIO,
        *repetition.METRICS,
        *diversity.METRICS,
        CUT,
        REFERENCE_NLL,
        *pairs.METRICS,
    )
}
"""By name, in the order in which they are shown."""


@cache
def installed_metrics() -> Mapping[str, Metric]:
    """Load the metrics that installed packages add.

    Raises:
        ConfigError: One cannot be imported, is no metric, or has a name that is taken.
    """
    return {name: _load(name) for name in find_plugins(GROUP)}


def _load(name: str) -> Metric:
    origin = plugin_origins(GROUP, name)
    if name in BUILT_IN:
        raise ConfigError(
            f"{GROUP}: {origin} adds {name!r}, which is built in; give it another name there, or uninstall that package"
        )
    metric = load_plugin(GROUP, name)
    if not isinstance(metric, Metric) or metric.name != name:
        got = repr(metric.name) if isinstance(metric, Metric) else type(metric).__name__
        raise ConfigError(
            f"{GROUP}: {name!r}, which {origin} adds, must be a rlsr.evaluation.metrics.Metric of that name, got {got}; mend or "
            "uninstall that package"
        )
    return metric


def metrics_of(config: RunConfig) -> tuple[Metric, ...]:
    """List what a run measures on held-out prompts.

    Args:
        config: A resolved config.

    Returns:
        The metrics in order: those of the table, those of installed packages, and what else the reward gives.

    Raises:
        ConfigError: A metric of an installed package cannot be used.
    """
    known = {**BUILT_IN, **installed_metrics()}
    own = reward_kind(config).heldout_metrics(config)
    further = [measured_by_reward(name) for name in own if name not in known]
    return tuple(
        metric
        for metric in [*known.values(), *further]
        if metric.of == config.method.makes and metric.scorer(config) is not None
    )


def require_metrics(config: RunConfig) -> None:
    """Make sure before any work that what a run measures can be measured.

    Args:
        config: The config of a run.

    Raises:
        ConfigError: A metric of an installed package cannot be used.
        MissingPackageError: What a metric needs is not installed.
    """
    if config.evaluation.enabled:
        for metric in metrics_of(config):
            metric.require()


def describe(name: str) -> Metric:
    """Say how a metric is shown; a report on an old run, or on one of another machine, may have any.

    Args:
        name: As in the scores of an evaluation.

    Returns:
        The metric; one that only has its name where nothing here knows it. One of a part of a suite is never primary: its prompts
        are among those of the whole.
    """
    return find_metric(name) or Metric(name, _unknown, rank=None if OF_PART in name else 100)


def find_metric(name: str) -> Metric | None:
    """Look a metric up.

    Args:
        name: As in the scores of an evaluation.

    Returns:
        The metric; None where there is none of that name, or the package that adds it is broken, which is logged.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    try:
        if name in find_plugins(GROUP):
            return _load(name)
    except ConfigError as error:
        logger.warning("%s", error)
    return None


def _unknown(batch: HeldoutBatch) -> Sequence[float]:
    raise AssertionError("a metric that nothing here knows is shown and never measured")


def labelled(name: str, *, in_reward: bool) -> str:
    """Name a metric in a table; what the policy was trained on cannot show that it became better, so that stands beside it.

    Args:
        name: As in the scores of an evaluation.
        in_reward: Whether the reward has it.
    """
    label = describe(name).label
    return f"{label} (in the reward)" if in_reward else label


def measured_in_words(names: Iterable[str], evaluation: EvaluationConfig) -> str:
    """Say what metrics are of, as in ``greedy responses``.

    Args:
        names: Of the metrics of one evaluation.
        evaluation: How it was made.
    """
    if {describe(name).of for name in names} == {"scorer"}:
        return "pairs of a better and a worse response"
    return evaluation.answers_in_words


def tie_margins(asked: Mapping[str, float]) -> dict[str, float]:
    """Fill in which differences are ties when wins are counted.

    Args:
        asked: What an experiment says, by metric.

    Returns:
        A margin for every metric that wins are counted by.

    Raises:
        ConfigError: Wins are not counted by a metric that has a margin.
    """
    margins = {
        metric.name: metric.tie_margin
        for metric in [*BUILT_IN.values(), *installed_metrics().values()]
        if metric.tie_margin is not None
    }
    for name in asked:
        if name not in margins:
            raise ConfigError(
                f"tie_margins: wins are counted by {', '.join(margins)}, got a margin for {name!r}"
            )
    return {**margins, **asked}
