"""Rules that end training early."""

from pathlib import Path
from typing import Any

import pytest

from rlsr.config import RunConfig, load_config
from rlsr.engines.stopping import (
    require_scores,
    require_updates,
    share_of_budget,
    stop_reason,
    validates_after,
)
from rlsr.errors import EngineError, RewardError
from rlsr.runs.step_metrics import VALIDATION_NLL, VALIDATION_REWARD
from rlsr.runs.step_totals import Spent, seconds_spent


def rows(*steps: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"step": number, "time/step": 1.0, "tokens/trained": 100.0, "optim/nll": 2.0, **step}
        for number, step in enumerate(steps, start=1)
    ]


def test_without_a_rule_training_goes_on() -> None:
    assert stop_reason(rows(*[{}] * 50), load_config()) is None
    assert share_of_budget(rows({}), load_config()) is None


def test_a_budget_of_time_counts_steps_and_measurements() -> None:
    config = load_config(overrides=["training.max_seconds=5"])
    assert stop_reason([], config) is None
    assert stop_reason(rows(*[{}] * 4), config) is None
    assert "max_seconds" in str(stop_reason(rows(*[{}] * 5), config))
    measured = rows({}, {"time/validation": 3.5, "time/evaluation": 9.0}, {})
    assert seconds_spent(measured) == 6.5
    assert "6.5 s of 5" in str(stop_reason(measured, config))


def test_a_budget_of_tokens() -> None:
    config = load_config(overrides=["training.max_tokens=250", "training.max_seconds=1e6"])
    assert stop_reason(rows({}, {}), config) is None
    assert "300 of 250" in str(stop_reason(rows({}, {}, {}), config))
    assert share_of_budget(rows({}), config) == pytest.approx(0.4)


def test_the_loss_rule_averages_its_window() -> None:
    config = load_config(
        overrides=["method=sft", "pipeline.sft_stop.loss=1.5", "pipeline.sft_stop.loss_window=2"]
    )
    assert stop_reason(rows({"optim/nll": 1.0}), config) is None, "the window is not full"
    assert stop_reason(rows({}, {"optim/nll": 1.1}), config) is None
    assert "1.5" in str(stop_reason(rows({}, {"optim/nll": 1.1}, {"optim/nll": 1.9}), config))


def validating(*overrides: str) -> RunConfig:
    return load_config(overrides=["validation.num_prompts=4", *overrides])


def measured(*values: float | None, column: str = VALIDATION_REWARD) -> list[dict[str, Any]]:
    return rows(*[{} if value is None else {column: value} for value in values])


def test_validation_waits_for_its_patience() -> None:
    config = validating("validation.metric=reward", "validation.patience=2")
    assert stop_reason(measured(0.1, 0.3, 0.2), config) is None
    assert stop_reason(measured(0.1, 0.3, None, 0.2, 0.4), config) is None
    assert stop_reason(measured(0.1, 0.3, 0.2, None, 0.3), config) == (
        "validation.patience: reward 0.3 on validation prompts, and no better than 0.3 after step 2 in the last 2 measurements"
    )
    assert stop_reason(measured(0.3, *[0.1] * 40), validating("validation.metric=reward")) is None


def test_a_lower_likelihood_is_worse() -> None:
    config = validating("validation.metric=nll", "validation.patience=1")
    assert stop_reason(measured(2.0, 1.5, column=VALIDATION_NLL), config) is None
    assert "validation.patience" in str(
        stop_reason(measured(2.0, 1.5, 1.6, column=VALIDATION_NLL), config)
    )


def test_what_could_not_be_scored_is_no_measurement() -> None:
    config = validating("validation.metric=reward", "validation.patience=1")
    assert stop_reason(measured(float("nan"), 0.3, float("nan")), config) is None


def test_supervised_rules_leave_rlsr_alone_and_validation_does_not() -> None:
    assert stop_reason(rows(*[{}] * 9), load_config(overrides=["pipeline.sft_stop.loss=9"])) is None
    for method in ("rlsr", "sgrpo", "sft", "dpo"):
        config = validating(f"method={method}", "validation.metric=reward", "validation.patience=1")
        assert stop_reason(measured(0.3, 0.2), config) is not None


def test_validation_is_due_before_the_first_step_and_every_so_many() -> None:
    config = validating("validation.every_steps=3")
    assert [validates_after(step, config) for step in range(7)] == [
        True, False, False, True, False, False, True,
    ]  # fmt: skip
    assert not validates_after(0, load_config())


def test_the_budget_of_all_stages_counts_the_earlier_ones() -> None:
    config = load_config(overrides=["pipeline.max_seconds=10"])
    assert stop_reason(rows({}, {}), config, Spent(seconds=7.5)) is None
    assert stop_reason(rows({}, {"time/validation": 0.5}), config, Spent(seconds=7.5)) == (
        "pipeline.max_seconds: 10.0 s of 10 are spent by all stages so far"
    )
    assert share_of_budget(rows({}), config, Spent(seconds=4)) == pytest.approx(0.5)


def unscored(*counts: float) -> list[dict[str, Any]]:
    return rows(*[{"reward/num_unscored": count} for count in counts])


def test_a_run_goes_on_without_some_of_its_scores() -> None:
    config = load_config(overrides=["training.prompts_per_step=2", "method.num_generations=4"])
    require_scores(unscored(*[8.0] * 9), config)
    require_scores(unscored(*[8.0] * 9, 7.0), config)
    require_scores(rows({}), load_config(overrides=["method=sft"]))


def test_a_run_ends_where_too_much_is_unscored() -> None:
    settings = ["training.prompts_per_step=2", "method.num_generations=4"]
    config = load_config(overrides=[*settings, "training.max_unscored_share=0.5"])
    require_scores(unscored(8.0, 4.0), config)
    with pytest.raises(RewardError) as caught:
        require_scores(unscored(0.0, 5.0), config)
    assert str(caught.value) == (
        "step 2: 5 of 8 responses were left unscored, and training.max_unscored_share is 0.5. The reward is similarity (blend, "
        "builtin:wordllama) of the response to the reference, -1 for a repeated passage of more than 100 characters: samples/ of "
        "the run has responses with what is known of them, and log.txt what went wrong; mend the reward or the data, or raise the "
        "share, and go on with --resume"
    )
    with pytest.raises(RewardError, match="step 12: no response of the last 10 steps was scored"):
        require_scores(unscored(0.0, 0.0, *[8.0] * 10), load_config(overrides=settings))


def test_a_short_run_in_which_nothing_was_scored_has_no_result() -> None:
    settings = ["training.prompts_per_step=2", "method.num_generations=4"]
    config = load_config(overrides=settings)
    require_scores(unscored(8.0, 8.0), config)
    require_scores(unscored(8.0, 7.0, 8.0), config, is_last=True)
    require_scores(unscored(0.0, *[8.0] * 9), config, is_last=True)
    with pytest.raises(RewardError) as caught:
        require_scores(unscored(8.0, 8.0), config, is_last=True)
    message = str(caught.value)
    assert message.startswith(
        "step 2: no response of the last 2 steps was scored, and nothing was learnt. The reward is similarity"
    )
    assert message.endswith("; mend the reward or the data, and go on with --resume")


def skipped(*counts: float) -> list[dict[str, Any]]:
    return rows(*[{"optim/skipped_updates": count} for count in counts])


def test_five_steps_in_a_row_without_an_update_end_the_run() -> None:
    require_updates(skipped(1, 1, 1, 1), 1, Path("checkpoints"))
    require_updates(skipped(1, 1, 1, 1, 0), 1, Path("checkpoints"))
    require_updates(skipped(1, 1, 0, 1, 1, 1, 1), 1, Path("checkpoints"))
    require_updates(rows(*[{}] * 9), 1, Path("checkpoints"))
    with pytest.raises(EngineError) as caught:
        require_updates(skipped(0, 1, 2, 1, 1, 1), 4, Path("run/checkpoints"))
    assert str(caught.value) == (
        "step 6: loss or gradient was not finite in 5 steps in a row, which were skipped. Lower training.learning_rate or use "
        "model.dtype=float32, and start a new run; it may begin with a checkpoint (model.name=run/checkpoints/checkpoint-STEP): the "
        "last good one is of step 4"
    )
    with pytest.raises(EngineError, match="there is none yet"):
        require_updates(skipped(*[1] * 5), None, Path("run/checkpoints"))
