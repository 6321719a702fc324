"""A rollout that is learnt from twice: the second update is GRPO's clipped one against the probabilities before the first."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rlsr.config import load_config
from rlsr.engines.trl.trainer import RolloutTrainer
from trainers import FixedReward, gradient, roll_out, trainer_of_config

SCORES = [0.1, 0.4, 0.9, 0.2, 0.5, 0.3, 0.8, 0.7]
RATE = 0.3
CLIP = 0.02
KL = 0.3


def make(settings: list[str], path: Path, *extra: str) -> RolloutTrainer:
    config = load_config(
        overrides=[
            *settings,
            "training.prompts_per_step=2",
            f"method.kl_coefficient={KL}",
            f"method.clip={CLIP}",
            *extra,
        ]
    )
    trainer: RolloutTrainer = trainer_of_config(
        config, path, tokens_per_pass=60, reward=FixedReward(SCORES)
    )
    trainer.eos_token_ids = list(range(0, 320, 6))
    # Adam's first step follows the sign of the gradient: where that is near 0 rounding decides.
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=RATE)
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def log_probs_of(model: Any, batch: dict[str, Any], row: int) -> torch.Tensor:
    prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
    response = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
    length = len(response)
    logits = model(input_ids=torch.cat([prompt, response])[None]).logits[0, -length - 1 : -1]
    return torch.log_softmax(logits, -1)[torch.arange(length), response]


def clipped_loss(model: Any, batch: dict[str, Any], old: list[torch.Tensor]) -> torch.Tensor:
    """GRPO written out: the lesser of the plain and the clipped term, and the KL term times the ratio."""
    terms = []
    for row, before in enumerate(old):
        now = log_probs_of(model, batch, row)
        ratio = (now - before).exp()
        advantage = batch["advantages"][row]
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage)
        difference = batch["ref_per_token_logps"][row][: len(now)] - now
        k3 = difference.exp() - difference - 1
        terms.append(KL * k3 * ratio - gain)
    return torch.cat(terms).sum() / batch["completion_mask"].sum()


def test_the_second_update_is_the_clipped_one_by_hand(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    ours = make(tiny_settings, tmp_path / "ours", "method.updates_per_rollout=2")
    loss = ours.compute_loss(ours.model, roll_out(ours)).detach()

    by_hand = make(tiny_settings, tmp_path / "hand")
    batch, model = roll_out(by_hand), by_hand.model
    old = [log_probs_of(model, batch, row).detach() for row in range(len(SCORES))]
    clipped_loss(model, batch, old).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), by_hand.args.max_grad_norm)
    by_hand.optimizer.step()
    model.zero_grad()
    second = clipped_loss(model, batch, old)
    second.backward()

    ratios = torch.cat(
        [log_probs_of(model, batch, row) - before for row, before in enumerate(old)]
    ).exp()
    assert ((ratios - 1).abs() > CLIP).any(), "the clip has to take part"
    torch.testing.assert_close(loss, second.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient(ours), gradient(by_hand), rtol=1e-3, atol=1e-6)
    for weight, expected in zip(ours.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("updates", [1, 2, 3])
def test_a_step_counts_the_tokens_of_all_its_updates(
    tiny_settings: list[str], tmp_path: Path, updates: int
) -> None:
    trainer = make(tiny_settings, tmp_path, f"method.updates_per_rollout={updates}")
    batch = roll_out(trainer)
    trainer.compute_loss(trainer.model, batch)
    assert trainer.num_trained_tokens == updates * int(batch["completion_mask"].sum())


def test_without_ending_it_counts_as_the_lowest_of_its_group(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(tiny_settings, tmp_path, "method.advantage.cut=lowest")
    # A thirtieth of all tokens ends a response.
    trainer.eos_token_ids = list(range(0, 320, 30))
    trainer.reward_function._stop_ids = frozenset(trainer.eos_token_ids)
    batch = roll_out(trainer)
    ended = trainer.reward_function.last.ended
    assert set(ended) == {True, False}, "both kinds have to be there"
    expected = [
        score if did_end else min(SCORES[row // 4 * 4 : row // 4 * 4 + 4])
        for row, (score, did_end) in enumerate(zip(SCORES, ended, strict=True))
    ]
    groups = torch.tensor(expected).reshape(-1, 4)
    spread = groups.std(dim=1, keepdim=True).clamp(min=0.02)
    by_hand = ((groups - groups.mean(dim=1, keepdim=True)) / spread).flatten()
    torch.testing.assert_close(batch["advantages"], by_hand, rtol=1e-4, atol=1e-5)
    assert trainer.sample_rows(1)[0]["reward"] == SCORES[0], "the samples keep the reward itself"
