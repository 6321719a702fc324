"""RAFT: loss and gradient are those of SFT on the best response of each group, and on the references where these are asked for."""

from pathlib import Path

import pytest
import torch
from trl.trainer.utils import shuffle_sequence_dict

from rlsr.engines.trl.supervised_rows import REFERENCE_COLUMN
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
        "method={type: raft, num_generations: 4, cut: as_scored}",
        "training.prompts_per_step=3",
        "method.max_response_tokens=16",
    ]


@pytest.mark.parametrize("with_reference", [False, True])
@pytest.mark.parametrize("scores", [REWARDS, NO_SIGNAL])
def test_loss_and_gradient_are_those_of_sft_on_what_is_best(
    settings: list[str], tmp_path: Path, scores: list[float], with_reference: bool
) -> None:
    asked = f"method.with_reference={with_reference}"
    trainer = make(settings, tmp_path / "run", asked, scores=scores)
    batch = roll_out(trainer)
    assert not batch["completion_mask"].any(), "nothing is left for GRPO"
    found = step_of(batch)
    learnt = []
    for start in range(0, 12, 4):
        group = found.rewards[start : start + 4]
        if group.max() - group.min() > 1e-3:
            place = start + int(group.argmax())
            learnt.append((found.prompts[place], found.responses[place]))
        if with_reference:
            learnt.append((found.prompts[start], found.rows[start][REFERENCE_COLUMN]))
    torch.manual_seed(3)
    move(trainer)
    results = []
    for shuffled in (batch, shuffle_sequence_dict(batch)):
        for by_groups in (True, False):
            for tokens_per_pass in (1, 10_000):
                trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
                results.append(step(trainer, shuffled))
    assert trainer.num_trained_tokens == sum(len(tokens) for _, tokens in learnt)
    trainer.model.zero_grad()
    nll = torch.tensor(0.0)
    if learnt:
        nll = torch.cat([-log_probs_of(trainer.model, *row, 1.0) for row in learnt]).mean()
        nll.backward()
    for loss, grad in results:
        torch.testing.assert_close(loss, nll.detach(), rtol=1e-5, atol=1e-6)
        if learnt:
            assert_same(grad, gradient(trainer))
