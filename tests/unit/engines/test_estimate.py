"""What a run will cost, before it is started."""

from dataclasses import replace

import pytest

from rlsr.config import load_config
from rlsr.engines import estimate as estimate_module
from rlsr.engines.estimate import Workload, estimate
from rlsr.engines.memory import PolicySize

SMOLLM2 = PolicySize(
    num_parameters=134_515_008,
    hidden_size=576,
    num_layers=30,
    vocab_size=49_152,
    key_width=192,
    bytes_per_weight=2,
)
DEMO = Workload(
    prompt_tokens=52.5,
    response_tokens=80,
    answer_tokens=80,
    num_heldout=90,
    num_steps=24,
)
SETTINGS = ["model.lora=null", "training.prompts_per_step=4"]


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is always as fast: on a busy one the same work takes other times; a wide product is the faster one on any."""
    monkeypatch.setattr(estimate_module, "_matrix_rate", lambda *_, rows: 1e7 * rows)


@pytest.mark.usefixtures("steady")
def test_time_grows_with_steps_and_with_the_policy() -> None:
    config = load_config(overrides=[*SETTINGS, "evaluation.enabled=false"])
    once = estimate(config, SMOLLM2, DEMO, device="cpu")
    assert once.step_seconds > 0
    assert once.total_minutes == pytest.approx(once.step_seconds * 24 / 60)
    policy = replace(SMOLLM2, num_parameters=20 * SMOLLM2.num_parameters)
    larger = estimate(config, policy, DEMO, device="cpu")
    assert larger.step_seconds > 2 * once.step_seconds


def test_the_held_out_evaluation_takes_its_time() -> None:
    with_it = estimate(load_config(overrides=SETTINGS), SMOLLM2, DEMO, device="cpu")
    assert with_it.total_minutes > with_it.step_seconds * 24 / 60


@pytest.mark.usefixtures("steady")
def test_supervised_steps_sample_nothing() -> None:
    settings = ["model.lora=null", "training.prompts_per_step=4", "evaluation.enabled=false"]
    rlsr = estimate(load_config(overrides=settings), SMOLLM2, DEMO, device="cpu")
    sft = estimate(load_config(overrides=[*settings, "method=sft"]), SMOLLM2, DEMO, device="cpu")
    assert 0 < sft.step_seconds < rlsr.step_seconds / 2


def test_a_budget_of_time_bounds_the_estimate() -> None:
    settings = [*SETTINGS, "evaluation.enabled=false", "training.max_seconds=0.001"]
    assert estimate(
        load_config(overrides=settings), SMOLLM2, DEMO, device="cpu"
    ).total_minutes == pytest.approx(0.001 / 60)


@pytest.mark.usefixtures("steady")
def test_samples_before_training_take_their_time() -> None:
    config = load_config(overrides=[*SETTINGS[1:], "method=dpo", "evaluation.enabled=false"])
    without = estimate(config, SMOLLM2, DEMO, device="cpu").total_minutes
    assert (
        estimate(config, SMOLLM2, replace(DEMO, num_samples=400), device="cpu").total_minutes
        > 1.5 * without
    )


def test_validation_takes_its_time_which_a_budget_counts() -> None:
    config = load_config(
        overrides=[*SETTINGS, "evaluation.enabled=false", "validation.every_steps=5"]
    )
    work = replace(DEMO, num_validation=32)
    found = estimate(config, SMOLLM2, work, device="cpu")
    assert found.validation_seconds > 0
    # Before the first step, after 5, 10, 15, 20, and after the last.
    seconds = found.step_seconds * 24 + found.validation_seconds * 6
    assert found.total_minutes == pytest.approx(seconds / 60)
    limited = load_config(
        overrides=[*SETTINGS, "evaluation.enabled=false", "training.max_seconds=1"]
    )
    assert estimate(limited, SMOLLM2, work, device="cpu").total_minutes == pytest.approx(1 / 60)
    likelihood = load_config(overrides=[*SETTINGS, "validation.metric=nll"])
    assert estimate(likelihood, SMOLLM2, work, device="cpu").validation_seconds > 0
