"""Rules that end training early."""

from typing import Any

import pytest

from rlsr.config import load_config
from rlsr.engines.stopping import (
    measures_heldout,
    require_scores,
    share_of_budget,
    stop_reason,
)
from rlsr.errors import RewardError
from rlsr.runs.step_metrics import HELDOUT_REWARD
from rlsr.runs.step_totals import seconds_spent


def rows(*steps: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"step": number, "time/step": 1.0, "tokens/trained": 100.0, "optim/nll": 2.0, **step}
        for number, step in enumerate(steps, start=1)
    ]


def test_without_a_rule_training_goes_on() -> None:
    assert stop_reason(rows(*[{}] * 50), load_config()) is None
    assert share_of_budget(rows({}), load_config().training) is None


def test_a_budget_of_time_counts_steps_and_measurements() -> None:
    config = load_config(overrides=["training.max_seconds=5"])
    assert stop_reason([], config) is None
    assert stop_reason(rows(*[{}] * 4), config) is None
    assert "max_seconds" in str(stop_reason(rows(*[{}] * 5), config))
    measured = rows({}, {"time/heldout": 3.5}, {})
    assert seconds_spent(measured) == 6.5
    assert "6.5 s of 5" in str(stop_reason(measured, config))


def test_a_budget_of_tokens() -> None:
    config = load_config(overrides=["training.max_tokens=250", "training.max_seconds=1e6"])
    assert stop_reason(rows({}, {}), config) is None
    assert "300 of 250" in str(stop_reason(rows({}, {}, {}), config))
    assert share_of_budget(rows({}), config.training) == pytest.approx(0.4)


def test_the_loss_rule_averages_its_window() -> None:
    config = load_config(
        overrides=["method=sft", "pipeline.sft_stop.loss=1.5", "pipeline.sft_stop.loss_window=2"]
    )
    assert stop_reason(rows({"optim/nll": 1.0}), config) is None, "the window is not full"
    assert stop_reason(rows({}, {"optim/nll": 1.1}), config) is None
    assert "1.5" in str(stop_reason(rows({}, {"optim/nll": 1.1}, {"optim/nll": 1.9}), config))


def test_the_heldout_rule_waits_for_its_patience() -> None:
    config = load_config(
        overrides=["method=sft", "pipeline.sft_stop.heldout_reward={every_steps: 1, patience: 2}"]
    )

    def measured(*values: float | None) -> list[dict[str, Any]]:
        return rows(*[{} if value is None else {HELDOUT_REWARD: value} for value in values])

    assert stop_reason(measured(0.1, 0.3, 0.2), config) is None
    assert stop_reason(measured(0.1, 0.3, None, 0.2, 0.4), config) is None
    assert "no higher than 0.3" in str(stop_reason(measured(0.1, 0.3, 0.2, None, 0.3), config))


def test_supervised_rules_leave_rlsr_alone() -> None:
    overrides = ["pipeline.sft_stop.loss=9", "pipeline.sft_stop.heldout_reward={every_steps: 1}"]
    assert stop_reason(rows(*[{}] * 9), load_config(overrides=overrides)) is None
    assert measures_heldout(1, load_config(overrides=overrides)) is None
    assert measures_heldout(1, load_config(overrides=[*overrides, "method=sft"])) is not None


def test_the_heldout_reward_is_due_every_so_many_steps() -> None:
    config = load_config(overrides=["method=sft", "pipeline.sft_stop.heldout_reward.every_steps=3"])
    assert [bool(measures_heldout(step, config)) for step in range(1, 7)] == [
        False, False, True, False, False, True,
    ]  # fmt: skip


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
