"""When training ends before its last step: budgets of time and tokens, validation, monitors, and where a supervised stage has had enough.

All rules read the rows of ``metrics.jsonl``, so that a resumed run stops where an uninterrupted one would have.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.config.pipeline import SftStop
from rlsr.config.run import RunConfig
from rlsr.errors import EngineError, RewardError
from rlsr.monitors.watch import end_by_monitors
from rlsr.rewards import reward_kind
from rlsr.runs.step_metrics import NLL, SKIPPED_UPDATES, UNSCORED
from rlsr.runs.step_totals import (
    NOTHING_SPENT,
    Spent,
    scored,
    seconds_spent,
    step_seconds,
    tokens_trained,
)
from rlsr.runs.validation import MEASURES, best_measurement, measurements, num_without_gain

Rows = Sequence[Mapping[str, Any]]


_STEPS_WITHOUT_SCORES = 10
"""So many in a row are no bad luck, even where a step has one prompt."""


_STEPS_WITHOUT_UPDATE = 5
"""So many in a row are no unlucky batch: the policy itself gives no numbers any more, and every further step would be lost."""


def require_updates(rows: Rows, saved: int | None, checkpoints: Path) -> None:
    """Refuse to go on where no update is finite any more; one that is not was skipped, and the weights are as they were.

    Args:
        rows: Of all steps so far, the last one's being the last.
        saved: Step of the newest checkpoint; None where there is none.
        checkpoints: Where checkpoints are.

    Raises:
        EngineError: In each of the last steps updates were skipped.
    """
    last = rows[-_STEPS_WITHOUT_UPDATE:]
    if len(last) < _STEPS_WITHOUT_UPDATE or not all(row.get(SKIPPED_UPDATES) for row in last):
        return
    good = f"the last good one is of step {saved}" if saved else "there is none yet"
    raise EngineError(
        f"step {last[-1]['step']}: loss or gradient was not finite in {len(last)} steps in a row, which were skipped. Lower "
        "training.learning_rate or use model.dtype=float32, and start a new run; it may begin with a checkpoint "
        f"(model.name={checkpoints}/checkpoint-STEP): {good}"
    )


def require_scores(rows: Rows, config: RunConfig, *, is_last: bool = False) -> None:
    """Refuse to go on where the reward leaves too much unscored, since unscored responses teach nothing.

    Args:
        rows: Of all steps so far, the last one's being the last.
        config: The resolved config.
        is_last: Whether training ends here; a run that has scored nothing at all has no result.

    Raises:
        RewardError: More responses of the last step were unscored than ``training.max_unscored_share`` allows, or all of
            several steps in a row were, or of all steps.
    """
    if not config.method.num_sampled:
        return
    limit = config.training.max_unscored_share
    # Not all rows are looked at: a long run has many, and before the first step there is at most one.
    num_steps = len(rows) - (rows[0]["step"] == 0)
    last = rows[-min(num_steps, _STEPS_WITHOUT_SCORES) :]
    num_responses = config.training.prompts_per_step * config.method.num_sampled
    unscored = [row[UNSCORED] for row in last]
    way_out = "mend the reward or the data"
    if unscored[-1] > limit * num_responses:
        way_out = f"{way_out}, or raise the share"
        found = f"step {last[-1]['step']}: {unscored[-1]:.0f} of {num_responses} responses were left unscored, and"
        found = f"{found} training.max_unscored_share is {limit:g}"
    elif min(unscored) == num_responses and (
        len(last) == _STEPS_WITHOUT_SCORES or (is_last and len(last) == num_steps)
    ):
        steps_in_words = "this step" if len(last) == 1 else f"the last {len(last)} steps"
        found = f"step {last[-1]['step']}: no response of {steps_in_words} was scored, and nothing was learnt"
    else:
        return
    raise RewardError(
        f"{found}. The reward is {reward_kind(config).describe(config)}: samples/ of the run has responses with what is known of "
        f"them, and log.txt what went wrong; {way_out}, and go on with --resume"
    )


def stop_reason(rows: Rows, config: RunConfig, earlier: Spent = NOTHING_SPENT) -> str | None:
    """Decide whether training has come to its end.

    Args:
        rows: Of all steps so far, the last one's being the last.
        config: The resolved config.
        earlier: What the stages before have taken.

    Returns:
        Why, in words; None where it goes on.
    """
    if not rows:
        return None
    training = config.training
    if training.max_seconds is not None and seconds_spent(rows) >= training.max_seconds:
        return f"training.max_seconds: {seconds_spent(rows):.1f} s of {training.max_seconds:g} are spent"
    if config.pipeline.max_seconds is not None:
        used_up = pipeline_used_up(config, earlier + Spent.of(rows))
        if used_up is not None:
            return used_up
    if training.max_tokens is not None and tokens_trained(rows) >= training.max_tokens:
        return f"training.max_tokens: {tokens_trained(rows):,} of {training.max_tokens:,} are trained on"
    if config.method.learns_from == "references":
        enough = _enough_supervision(rows, config.pipeline.sft_stop)
        if enough is not None:
            return enough
    return _without_gain(rows, config) or end_by_monitors(rows, config)


def pipeline_used_up(config: RunConfig, spent: Spent) -> str | None:
    """Decide whether the budget of all stages is used up.

    Args:
        config: The resolved config of a stage.
        spent: What the stages have taken so far.

    Returns:
        That it is, in words; None where there is something left, or no such budget.
    """
    budget = config.pipeline.max_seconds
    if budget is None or spent.seconds < budget:
        return None
    return (
        f"pipeline.max_seconds: {spent.seconds:.1f} s of {budget:g} are spent by all stages so far"
    )


def too_small_a_budget(rows: Rows, config: RunConfig, earlier: Spent = NOTHING_SPENT) -> list[str]:
    """Say where a budget of time was too small for one step, so that a run took more than it was given.

    Args:
        rows: All of ``metrics.jsonl``.
        config: The resolved config.
        earlier: What the stages before have taken.

    Returns:
        A sentence a budget; none where more than one step was taken.
    """
    steps = [row for row in rows if row["step"] > 0]
    if len(steps) != 1:
        return []
    first, pipeline = step_seconds(steps[0]), config.pipeline.max_seconds
    left = {
        "training.max_seconds": config.training.max_seconds,
        "pipeline.max_seconds": None if pipeline is None else pipeline - earlier.seconds,
    }
    return [
        f"{name}: the first step alone took {first:.1f} s with its measurement, and {seconds:.1f} s were left: the budget is too "
        "small for this method here; give more"
        for name, seconds in left.items()
        if seconds is not None and first > seconds
    ]


def share_of_budget(rows: Rows, config: RunConfig, earlier: Spent = NOTHING_SPENT) -> float | None:
    """Say how much of the budget is used.

    Args:
        rows: Of ``metrics.jsonl``.
        config: With its budgets.
        earlier: What the stages before have taken.

    Returns:
        The largest share, above 1 where the last step went over; None without a budget.
    """
    training, pipeline = config.training, config.pipeline
    if (
        training.max_seconds is None
        and pipeline.max_seconds is None
        and training.max_tokens is None
    ):
        # The rows of a long run are many, and most runs have no budget.
        return None
    spent, shares = Spent.of(rows), []
    if training.max_seconds is not None:
        shares.append(spent.seconds / training.max_seconds)
    if pipeline.max_seconds is not None:
        shares.append((earlier + spent).seconds / pipeline.max_seconds)
    if training.max_tokens is not None:
        shares.append(spent.tokens / training.max_tokens)
    return max(shares, default=None)


def validates_after(step: int, config: RunConfig) -> bool:
    """Say whether the policy is measured on validation prompts after a step that is not the last one.

    Args:
        step: Steps taken; 0 before the first.
        config: The resolved config.
    """
    rule = config.validation
    return rule.num_prompts > 0 and step % rule.every_steps == 0


def _without_gain(rows: Rows, config: RunConfig) -> str | None:
    patience, metric = config.validation.patience, config.validation_metric
    if patience is None or num_without_gain(rows, metric) < patience:
        return None
    best, last = best_measurement(rows, metric), measurements(rows, metric)[-1]
    assert best is not None, "something was measured"
    return (
        f"validation.patience: {MEASURES[metric].words} {last.value:.4g} on validation prompts, and no better than "
        f"{best.value:.4g} after step {best.step} in the last {num_without_gain(rows, metric)} measurements"
    )


def _enough_supervision(rows: Rows, stop: SftStop) -> str | None:
    losses = scored(rows[-stop.loss_window :], NLL)
    if stop.loss is not None and len(losses) == stop.loss_window:
        mean = statistics.fmean(losses)
        if mean <= stop.loss:
            return f"pipeline.sft_stop.loss: the mean of the last {len(losses)} steps is {mean:.4g}, no more than {stop.loss:g}"
    return None
