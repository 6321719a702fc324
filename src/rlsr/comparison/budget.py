"""One budget for all recipes: how a recipe's stages share it, and how it becomes settings of their training."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from rlsr.comparison.experiment import BudgetConfig
from rlsr.config.layers import Table, merge
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError

UNBOUNDED_EPOCHS = 1e6
"""Passes over the training prompts that no budget of seconds or tokens reaches."""

_LIMITS = ("epochs", "steps", "max_seconds", "max_tokens")


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
    return [
        f"base: training.{key}={value:g} is without effect, since the budget decides how long a recipe trains"
        for key, value in _training(base).items()
        if key in _LIMITS and value is not None
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
    training = merge(_training(own), _training(stage))
    limits = {key: training[key] for key in _LIMITS if training.get(key) is not None}
    refused = _LIMITS if budget.by == "steps" else _LIMITS[2:]
    for key in limits:
        if key in refused:
            raise ConfigError(
                f"training.{key}: how long a recipe trains is decided by the budget of the experiment, {budget.amount:g} by "
                f"{budget.by}; leave it out"
            )
    return limits


def _training(table: Table) -> Table:
    training = table.get("training")
    # Something else is no table of settings; the check of the config says so.
    return training if isinstance(training, dict) else {}


def with_budget(table: Table, budget: BudgetConfig, amount: float, limits: Table) -> Any:
    """Write a budget as settings of the training, in place of the limits that the shared settings have.

    Args:
        table: The settings of a stage.
        budget: Of the experiment.
        amount: The stage's part of it.
        limits: Of the recipe's own.

    Returns:
        The stage's ``training``; something that is no table as it was, for the check of the config to name.
    """
    training = table.get("training", {})
    if not isinstance(training, dict):
        return training
    kept = {key: value for key, value in training.items() if key not in _LIMITS}
    if budget.by == "steps":
        return {**kept, "steps": int(amount)}
    ending = {"max_seconds": amount} if budget.by == "wall_clock" else {"max_tokens": int(amount)}
    return {**kept, "epochs": UNBOUNDED_EPOCHS, **limits, **ending}


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
