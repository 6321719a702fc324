"""Settings of validation, of budgets of several stages and of measuring along the way."""

import pytest

from rlsr.config import RunConfig, load_config
from rlsr.config.measurement import measured_alike
from rlsr.config.stages import load_stages
from rlsr.errors import ConfigError

STAGES = "method=[sft, rlsr]"


def message(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_stages(overrides=["stages=null", *overrides])
    return str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["pipeline.sft_stop.heldout_reward={every_steps: 1, patience: 2}"],
            "pipeline.sft_stop.heldout_reward: unknown setting; the table validation does this for every method and keeps the "
            "best weights: validation={num_prompts: 32, every_steps: 10, patience: 2, metric: reward}",
        ),
        (
            ["validation.patience=3"],
            "validation: patience: counts measurements, and none are made without validation prompts, got 3; set "
            "validation.num_prompts, as in validation.num_prompts=32, or validation.patience=null",
        ),
        (
            ["validation.metric=independent_similarity", "evaluation.independent_embedding=null"],
            "validation.metric: independent_similarity needs an encoder that the reward has not seen, and "
            "evaluation.independent_embedding is null; name one there, or take chrf, reward or nll",
        ),
        (
            ["validation.metric=pair_loss"],
            "validation.metric: the method rlsr makes a policy, which is measured by reward or independent_similarity or chrf or nll, got "
            "pair_loss; take one of them, or auto",
        ),
        (
            ["method=reward_model", "validation.metric=nll"],
            "validation.metric: the method reward_model makes a scorer, which is measured by pair_loss or pair_accuracy, got nll; "
            "take one of them, or auto",
        ),
        (
            ["evaluation.during=[0.5]", "evaluation.enabled=false"],
            "evaluation: during: nothing would be measured, since evaluation.enabled is false, got [0.5]; leave one out",
        ),
        (
            ["evaluation.during_prompts=4"],
            "evaluation: during_prompts: has no effect without shares in evaluation.during, got 4; set them, as in "
            "evaluation.during=[0.5], or leave it out",
        ),
        (["evaluation.during=[1.0]"], "evaluation.during.0: must be less than 1, got 1.0"),
        (
            ["pipeline.max_seconds=9"],
            "pipeline.max_seconds: is the budget of several stages together, got 9 for one run; set training.max_seconds",
        ),
        (
            [STAGES, "stages.1.pipeline.max_seconds=9"],
            "stage 2-rlsr: pipeline.max_seconds: is one budget for all stages, got 9.0 after None in 1-sft; set it for all stages, "
            "or training.max_seconds for one",
        ),
        (
            [STAGES, "stages.1.training.max_tokens=9", "evaluation.during=[0.5]"],
            "evaluation.during: has shares of the budgets of all stages together, and here these are of steps and tokens; limit all "
            "stages by the same, set pipeline.max_seconds, or leave it out",
        ),
    ],
)
def test_what_cannot_be_is_said(overrides: list[str], expected: str) -> None:
    assert message(*overrides) == expected


def test_auto_is_the_encoder_that_the_reward_never_saw() -> None:
    assert load_config().validation_metric == "independent_similarity"
    without = load_config(overrides=["evaluation.independent_embedding=null"])
    assert without.validation_metric == "reward"
    assert load_config(overrides=["validation.metric=nll"]).validation_metric == "nll"


def test_the_config_of_an_earlier_run_is_read() -> None:
    table = load_config().model_dump()
    table["pipeline"]["sft_stop"]["heldout_reward"] = None
    assert RunConfig.model_validate(table) == load_config()


def test_runs_that_are_measured_along_the_way_are_measured_alike() -> None:
    along = load_config(overrides=["evaluation={during: [0.5], during_prompts: 3}"])
    assert measured_alike(load_config(), along)
    assert not measured_alike(load_config(), load_config(overrides=["evaluation.batch_size=3"]))


def test_a_scorer_is_measured_on_pairs_and_needs_no_encoder() -> None:
    config = load_config(overrides=["method=reward_model"])
    assert config.validation_metric == "pair_loss"
    assert config.independent_embedding is None
    chosen = load_config(overrides=["method=reward_model", "validation.metric=pair_accuracy"])
    assert chosen.validation_metric == "pair_accuracy"
