"""Online SFT on own responses: loss and gradient are those of SFT on what was drawn, whatever its rewards."""

from pathlib import Path

import pytest
import torch
from trl.trainer.utils import shuffle_sequence_dict

from sgrpo_runs import (
    NO_SIGNAL,
    REWARDS,
    assert_same,
    gradient,
    log_probs_of,
    make,
    move,
    roll_out,
    step,
    step_of,
)


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return [
        *tiny_settings,
        "method=osft",
        "training.prompts_per_step=3",
        "method.max_response_tokens=16",
    ]


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize("scores", [REWARDS, NO_SIGNAL])
def test_loss_and_gradient_are_those_of_sft_at_a_temperature_of_one(
    settings: list[str], tmp_path: Path, scores: list[float], lora: str
) -> None:
    trainer = make(settings, tmp_path / "run", f"model.lora={lora}", scores=scores)
    batch = roll_out(trainer)
    assert not batch["completion_mask"].any(), "nothing is left for GRPO"
    torch.manual_seed(3)
    move(trainer)
    results = []
    for shuffled in (batch, shuffle_sequence_dict(batch)):
        for by_groups in (True, False):
            for tokens_per_pass in (1, 60, 10_000):
                trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
                results.append(step(trainer, shuffled))
    found = step_of(batch)
    assert len(found.responses) == 12
    trainer.model.zero_grad()
    rows = zip(found.prompts, found.responses, strict=True)
    nll = torch.cat([-log_probs_of(trainer.model, *row, 1.0) for row in rows]).mean()
    nll.backward()
    for loss, grad in results:
        torch.testing.assert_close(loss, nll.detach(), rtol=1e-5, atol=1e-6)
        assert_same(grad, gradient(trainer))
    assert trainer.num_trained_tokens == sum(len(tokens) for tokens in found.responses)


def test_responses_that_an_option_masks_are_not_learnt(settings: list[str], tmp_path: Path) -> None:
    option = "engine.options={mask_truncated_completions: true}"
    trainer = make(settings, tmp_path / "run", option, scores=REWARDS)
    batch = roll_out(trainer)
    found = step_of(batch)
    ends = set(trainer.eos_token_ids)
    kept = [tokens for tokens in found.responses if tokens]
    assert all(tokens[-1] in ends for tokens in kept)
    assert found.references.responses == list(found.responses)
