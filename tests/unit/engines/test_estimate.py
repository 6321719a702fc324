"""What a run will cost, before it is started."""

from dataclasses import replace

import pytest

from rlsr.config import load_config
from rlsr.engines.estimate import Workload, estimate, memory_gb

DEMO = Workload(
    num_parameters=134_515_008,
    hidden_size=576,
    num_layers=30,
    vocab_size=49_152,
    bytes_per_weight=2,
    prompt_tokens=52.5,
    response_tokens=80,
    num_heldout=90,
    num_steps=24,
)
SETTINGS = ["model.lora=null", "training.prompts_per_step=4", "training.micro_batch=4"]


def test_the_memory_of_the_demo_is_near_what_was_measured() -> None:
    # docs/log.md: 4.9 GB with micro-batches of 4, 6.3 GB with 8.
    assert memory_gb(load_config(overrides=SETTINGS), DEMO) == pytest.approx(4.9, rel=0.2)
    larger = load_config(overrides=[*SETTINGS, "training.micro_batch=8"])
    assert memory_gb(larger, DEMO) == pytest.approx(6.3, rel=0.2)


@pytest.mark.parametrize(
    "saving",
    [
        "model.lora.rank=16",
        "method.kl_coefficient=0",
        "training.micro_batch=1",
        "training.gradient_checkpointing=true",
    ],
)
def test_what_saves_memory_lowers_the_estimate(saving: str) -> None:
    plain = memory_gb(load_config(overrides=SETTINGS), DEMO)
    assert memory_gb(load_config(overrides=[*SETTINGS, saving]), DEMO) < plain


def test_time_grows_with_steps_and_with_the_policy() -> None:
    config = load_config(overrides=[*SETTINGS, "evaluation.enabled=false"])
    once = estimate(config, DEMO, "cpu")
    assert once.step_seconds > 0
    assert once.total_minutes == pytest.approx(once.step_seconds * 24 / 60)
    larger = estimate(config, replace(DEMO, num_parameters=20 * DEMO.num_parameters), "cpu")
    assert larger.step_seconds > 2 * once.step_seconds


def test_the_held_out_evaluation_takes_its_time() -> None:
    with_it = estimate(load_config(overrides=SETTINGS), DEMO, "cpu")
    assert with_it.total_minutes > with_it.step_seconds * 24 / 60
