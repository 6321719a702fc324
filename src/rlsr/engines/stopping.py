"""When training ends before its last step: budgets of time and tokens, and where a supervised stage has had enough.

All rules read the rows of ``metrics.jsonl``, so that a resumed run stops where an uninterrupted one would have.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.config.pipeline import HeldoutRewardStop, SftStop
from rlsr.config.run import RunConfig
from rlsr.config.training import TrainingConfig
from rlsr.errors import RewardError
from rlsr.rewards import reward_kind
from rlsr.runs.step_metrics import HELDOUT_REWARD, NLL, UNSCORED
from rlsr.runs.step_totals import scored, seconds_spent, tokens_trained

Rows = Sequence[Mapping[str, Any]]


_STEPS_WITHOUT_SCORES = 10
"""So many in a row are no bad luck, even where a step has one prompt."""


def require_scores(rows: Rows, config: RunConfig) -> None:
    """Refuse to go on where the reward leaves too much unscored, since unscored responses teach nothing.

    Args:
        rows: Of all steps so far, the last one's being the last.
        config: The resolved config.

    Raises:
        RewardError: More responses of the last step were unscored than ``training.max_unscored_share`` allows, or all of
            several steps in a row were.
    """
    if not config.method.num_sampled:
        return
    limit, last = config.training.max_unscored_share, rows[-_STEPS_WITHOUT_SCORES:]
    num_responses = config.training.prompts_per_step * config.method.num_sampled
    unscored = [row[UNSCORED] for row in last]
    if unscored[-1] > limit * num_responses:
        found = f"step {last[-1]['step']}: {unscored[-1]:.0f} of {num_responses} responses were left unscored, and"
        found = f"{found} training.max_unscored_share is {limit:g}"
    elif min(unscored) == num_responses and len(last) == _STEPS_WITHOUT_SCORES:
        found = f"step {last[-1]['step']}: no response of the last {len(last)} steps was scored"
    else:
        return
    raise RewardError(
        f"{found}. The reward is {reward_kind(config).describe(config)}: samples/ of the run has responses with what is known of "
        "them, and log.txt what went wrong; mend the reward or the data, or raise the share, and go on with --resume"
    )


def stop_reason(rows: Rows, config: RunConfig) -> str | None:
    """Decide whether training has come to its end.

    Args:
        rows: Of all steps so far, the last one's being the last.
        config: The resolved config.

    Returns:
        Why, in words; None where it goes on.
    """
    if not rows:
        return None
    training, stop = config.training, config.pipeline.sft_stop
    if training.max_seconds is not None and seconds_spent(rows) >= training.max_seconds:
        return f"training.max_seconds: {seconds_spent(rows):.1f} s of {training.max_seconds:g} are spent"
    if training.max_tokens is not None and tokens_trained(rows) >= training.max_tokens:
        return f"training.max_tokens: {tokens_trained(rows):,} of {training.max_tokens:,} are trained on"
    if config.method.learns_from == "references":
        return _enough_supervision(rows, stop)
    return None


def share_of_budget(rows: Rows, training: TrainingConfig) -> float | None:
    """Say how much of the budget is used.

    Args:
        rows: Of ``metrics.jsonl``.
        training: With its budgets.

    Returns:
        The largest share, above 1 where the last step went over; None without a budget.
    """
    shares = []
    if training.max_seconds is not None:
        shares.append(seconds_spent(rows) / training.max_seconds)
    if training.max_tokens is not None:
        shares.append(tokens_trained(rows) / training.max_tokens)
    return max(shares, default=None)


def measures_heldout(step: int, config: RunConfig) -> HeldoutRewardStop | None:
    """Say whether the held-out reward is due after a step.

    Args:
        step: Counted from 1.
        config: The resolved config.

    Returns:
        The rule that asks for it; None where it is not due.
    """
    rule = config.pipeline.sft_stop.heldout_reward
    if rule is None or config.method.learns_from != "references" or step % rule.every_steps:
        return None
    return rule


def _enough_supervision(rows: Rows, stop: SftStop) -> str | None:
    losses = [row[NLL] for row in rows[-stop.loss_window :]]
    if stop.loss is not None and len(losses) == stop.loss_window:
        mean = statistics.fmean(losses)
        if mean <= stop.loss:
            return f"pipeline.sft_stop.loss: the mean of the last {len(losses)} steps is {mean:.4g}, no more than {stop.loss:g}"
    if stop.heldout_reward is None:
        return None
    measured = scored(rows, HELDOUT_REWARD)
    patience = stop.heldout_reward.patience
    if len(measured) <= patience or max(measured[-patience:]) > max(measured[:-patience]):
        return None
    return (
        f"pipeline.sft_stop.heldout_reward: {measured[-1]:.4g}, and no higher than {max(measured[:-patience]):.4g} "
        f"in the last {patience} measurements"
    )
