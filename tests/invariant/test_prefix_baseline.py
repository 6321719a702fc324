"""Tokens with advantages of their own: what the reward said of the response up to there, taken off by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rlsr.config import load_config
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.rewards import Reward, RewardBatch, RewardResult
from sgrpo_runs import assert_same, log_probs_of, records, roll_out, step, step_of
from trainers import trainer_of_config

EVERY = 3


class Vowels(Reward):
    """The share of vowels, and nothing for a text whose length leaves 3 when it is divided by 4."""

    def score(self, batch: RewardBatch) -> RewardResult:
        return RewardResult(np.array([self.of(text) for text in batch.responses]))

    @staticmethod
    def of(text: str) -> float:
        if len(text) % 4 == 3:
            return float("nan")
        return sum(letter in "aeiou" for letter in text) / max(len(text), 1)


@pytest.fixture
def settings(tiny_settings: list[str]) -> list[str]:
    return [
        *tiny_settings,
        "training.prompts_per_step=3",
        "method.max_response_tokens=16",
        "method.advantage.baseline=prefix",
        f"method.advantage.prefix_tokens={EVERY}",
    ]


def make(settings: list[str], path: Path, *extra: str) -> RolloutTrainer:
    config = load_config(overrides=[*settings, *extra])
    trainer = trainer_of_config(
        config, path, tokens_per_pass=90, records=records(), reward=Vowels()
    )
    assert isinstance(trainer, RolloutTrainer)
    # A sixth of all tokens ends a response, so that responses differ in length.
    trainer.eos_token_ids = list(range(0, 320, 6))
    return trainer


@pytest.mark.parametrize("scale", ["group_std", "none"])
@pytest.mark.parametrize("subset", ["null", "3"])
def test_each_token_has_the_advantage_that_is_written_out(
    settings: list[str], tmp_path: Path, scale: str, subset: str
) -> None:
    trainer = make(settings, tmp_path, f"method.advantage.scale={scale}", f"method.update_subset={subset}")  # fmt: skip
    batch = roll_out(trainer)
    found = step_of(batch)
    last = trainer.reward_function.last
    mean_length = sum(last.num_tokens) / len(last.num_tokens)
    decode = trainer.processing_class.decode
    left = whole = 0.0
    for row, response in enumerate(found.responses):
        group = range(row // 4 * 4, row // 4 * 4 + 4)
        learnable = [one for one in group if found.group.learnable[one]]
        for place in range(len(response)):
            advantage = expected = found.group.advantages[row]
            start = place // EVERY * EVERY
            if row in learnable and start:
                up_to = {
                    one: Vowels.of(decode(found.responses[one][:start]))
                    if len(found.responses[one]) > start
                    else found.rewards[one]
                    for one in learnable
                }
                scored = [score for score in up_to.values() if not np.isnan(score)]
                if not np.isnan(up_to[row]):
                    lead = up_to[row] - np.mean(scored)
                    if scale == "group_std":
                        lead /= max(np.std(scored, ddof=1) if len(scored) > 1 else 0.0, 0.02)
                    expected = advantage - (1 - np.exp(-1.75 * start / mean_length)) * lead
            assert batch["advantages"][row, place] == pytest.approx(expected, abs=1e-5)
            left += expected**2
            whole += advantage**2
    assert whole > 0
    assert trainer._metrics["train"]["advantage/variance_left"] == [pytest.approx(left / whole, rel=1e-4)]  # fmt: skip
    assert step_of(batch).group.learnable.sum() < len(found.responses), "some teach nothing"


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_the_gradient_is_that_of_these_advantages(
    settings: list[str], tmp_path: Path, average: str
) -> None:
    extra = (f"method.loss_average={average}", "model.lora=null", "method.kl_coefficient=0")
    trainer = make(settings, tmp_path, *extra)
    batch = roll_out(trainer)
    found = step_of(batch)
    total = torch.zeros(())
    for row, response in enumerate(found.responses):
        now = log_probs_of(trainer.model, found.prompts[row], response)
        terms = -batch["advantages"][row, : len(response)] * (now - now.detach()).exp()
        total = total + (terms.sum() / found.num_tokens if average == "token" else terms.mean() / found.num_responses)  # fmt: skip
    trainer.model.zero_grad()
    total.backward()
    by_hand = torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()])
    for by_groups in (True, False):
        for tokens_per_pass in (1, 60, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            loss, gradient = step(trainer, batch)
            torch.testing.assert_close(loss, total.detach(), rtol=1e-4, atol=1e-5)
            assert_same(gradient, by_hand)


def test_responses_that_are_one_segment_long_have_the_advantages_of_their_group(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path, "method.advantage.prefix_tokens=16")
    batch = roll_out(trainer)
    advantages = torch.tensor(step_of(batch).group.advantages, dtype=torch.float32)
    torch.testing.assert_close(batch["advantages"], advantages[:, None].expand_as(batch["advantages"]))  # fmt: skip
