"""One budget for all recipes: how a recipe's stages share it, and how it becomes settings of their training."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from rlsr.comparison.experiment import BudgetConfig
from rlsr.config.layers import Table, merge
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError

UNBOUNDED_EPOCHS = 1e6
"""Passes over the training prompts that no budget of seconds or tokens reaches."""

_LIMITS = ("epochs", "steps", "max_seconds", "max_tokens")
_POT = "max_seconds"
"""Of ``pipeline``: what all stages together may use up."""


def trial_budget(budget: BudgetConfig, share: float) -> BudgetConfig:
    """Cut the budget of a trial out of that of a run; whole numbers are rounded down.

    Args:
        budget: Of a run.
        share: Above 0, at most 1.

    Raises:
        ConfigError: Nothing is left.
    """
    amount = budget.amount * share
    if budget.by != "wall_clock":
        # So that 0.1 of 30, which binary numbers have as 3.0000000000000004 or less, is 3.
        amount = math.floor(round(amount, 6))
    if amount <= 0:
        raise ConfigError(
            f"budget.amount: {budget.amount:g} {budget.by} leave nothing for a trial, which has trial_share={share:g} of it; "
            "give more, or raise trial_share"
        )
    return BudgetConfig(by=budget.by, amount=amount)


def without_effect(base: Table) -> list[str]:
    """Name the limits of an experiment's shared settings, whose place the budget takes, one sentence each."""
    limits = {
        **{f"training.{key}": _part(base, "training").get(key) for key in _LIMITS},
        f"pipeline.{_POT}": _part(base, "pipeline").get(_POT),
    }
    return [
        f"base: {key}={value:g} is without effect, since the budget decides how long a recipe trains"
        for key, value in limits.items()
        if value is not None
    ]


def own_limits(own: Table, stage: Table, budget: BudgetConfig) -> Table:
    """Find the limits that a recipe itself sets, which may end it before the budget does.

    Args:
        own: What the recipe says for all its stages.
        stage: What it says for one.
        budget: Of the experiment.

    Returns:
        ``epochs`` and ``steps`` by name.

    Raises:
        ConfigError: It sets what the budget sets.
    """
    training = merge(_part(own, "training"), _part(stage, "training"))
    limits = {key: training[key] for key in _LIMITS if training.get(key) is not None}
    refused = [
        *(f"training.{key}" for key in limits if key in _LIMITS[2:] or budget.by == "steps"),
        *(f"pipeline.{_POT}" for table in (own, stage) if _part(table, "pipeline").get(_POT)),
    ]
    for key in refused:
        raise ConfigError(
            f"{key}: how long a recipe trains is decided by the budget of the experiment, {budget.amount:g} by "
            f"{budget.by}; leave it out"
        )
    return limits


def _part(table: Table, name: str) -> Table:
    part = table.get(name)
    # Something else is no table of settings; the check of the config says so.
    return part if isinstance(part, dict) else {}


def shares_one_pot(stages: Sequence[Table], budget: BudgetConfig) -> bool:
    """Say whether the stages of a recipe need no shares of the budget, since all but the last end by themselves.

    Args:
        stages: The settings of each.
        budget: Of the experiment.

    Returns:
        Whether every stage may use up what those before it have left.
    """
    ends = [_part(stage, "validation").get("patience") is not None for stage in stages[:-1]]
    return budget.by == "wall_clock" and bool(ends) and all(ends)


def with_budget(table: Table, budget: BudgetConfig, amount: float | None, limits: Table) -> Table:
    """Write a budget as settings, in place of the limits that the shared settings have.

    Args:
        table: The settings of a stage.
        budget: Of the experiment.
        amount: The stage's part of it; None where all stages together have the whole.
        limits: Of the recipe's own.

    Returns:
        The stage's settings; what is no table where one belongs stays, for the check of the config to name.
    """
    training, pipeline = _part(table, "training"), _part(table, "pipeline")
    kept = {key: value for key, value in training.items() if key not in _LIMITS}
    unbounded = {**kept, "epochs": UNBOUNDED_EPOCHS, **limits}
    pot = {key: value for key, value in pipeline.items() if key != _POT}
    if amount is None:
        kept, pot = unbounded, {**pot, _POT: budget.amount}
    elif budget.by == "steps":
        kept = {**kept, "steps": int(amount)}
    elif budget.by == "tokens":
        kept = {**unbounded, "max_tokens": int(amount)}
    else:
        kept = {**unbounded, "max_seconds": amount}
    return {
        **table,
        **({"training": kept} if isinstance(table.get("training", {}), dict) else {}),
        **({"pipeline": pot} if pot and isinstance(table.get("pipeline", {}), dict) else {}),
    }


def require_known_end(config: RunConfig, budget: BudgetConfig, limits: Table) -> None:
    """Refuse a learning rate that falls towards a last step which nobody knows."""
    if budget.by != "steps" and not limits and config.training.lr_schedule != "constant":
        raise ConfigError(
            f"training.lr_schedule: {config.training.lr_schedule} goes down to zero at the last step, which a budget by "
            f"{budget.by} does not know beforehand; use constant, or budget.by=steps"
        )


def read_shares(given: object, num_stages: int) -> list[float]:
    """Read how stages share their recipe's budget: positive numbers that add up to 1; None shares equally."""
    if given is None:
        return [1 / num_stages] * num_stages
    rule = f"budget_share: must be {num_stages} positive numbers that add up to 1, one a stage"
    if not isinstance(given, list) or len(given) != num_stages:
        raise ConfigError(f"{rule}, got {given!r}")
    if not all(isinstance(share, int | float) and share > 0 for share in given):
        raise ConfigError(f"{rule}, got {given!r}")
    if not math.isclose(sum(given), 1, abs_tol=1e-6):
        raise ConfigError(f"{rule}, got {given!r}")
    return [float(share) for share in given]


def cut_budget(budget: BudgetConfig, shares: Sequence[float]) -> list[float]:
    """Cut a budget into an amount for each stage; whole numbers stay whole and add up, and none is 0."""
    if budget.by == "wall_clock":
        return [budget.amount * share for share in shares]
    borders = [0, *(round(budget.amount * end) for end in accumulate(shares))]
    amounts = [float(end - start) for start, end in pairwise(borders)]
    if min(amounts) < 1:
        raise ConfigError(
            f"budget.amount: {budget.amount:g} {budget.by} leave nothing for one of {len(shares)} stages; give more"
        )
    return amounts
