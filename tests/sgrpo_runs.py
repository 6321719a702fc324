"""Trainers of the method sgrpo on the tiny policy, with rewards that are given, and their gradients by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlsr.config import load_config
from rlsr.data import Message, PromptRecord
from rlsr.engines.trl.padded import rollout_responses
from rlsr.engines.trl.step import STEP, Step
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.models import prompt_ids
from rlsr.rewards import Reward, RewardBatch, RewardResult
from trainers import trainer_of_config

REFERENCES = [
    "the cat sat on a mat",
    "a dog ran",
    "the big red house and the small green tree and the river and the sky",
]
# Groups of four; the second has no signal, but its reference is learnt from.
REWARDS = [0.2, 0.7, 0.9, 0.5, 0.4, 0.4, 0.4, 0.4, 0.0, 1.0, 0.1, 0.3]
NO_SIGNAL = [0.5] * 12
REFERENCE_REWARDS = dict(zip(REFERENCES, [1.0, 0.9, float("nan")], strict=True))


class FixedReward(Reward):
    """Gives the responses of a rollout these scores."""

    def __init__(self, scores: Sequence[float]) -> None:
        self._scores = np.array(scores)

    def score(self, batch: RewardBatch) -> RewardResult:
        if list(batch.responses) == list(batch.references):
            return RewardResult(
                np.array([REFERENCE_REWARDS[text] for text in batch.references]), {}
            )
        assert len(batch) == len(self._scores)
        return RewardResult(self._scores, {"empty": np.zeros(len(self._scores))})


def records() -> list[PromptRecord]:
    """Three rows; the first two ask the same and are answered otherwise, which files are refused for."""
    return [
        PromptRecord(
            id=str(row),
            messages=(Message("user", f"Tell me about the {'sun' if row < 2 else 'moon'}"),),
            reference=reference,
            location=f"row {row}",
        )
        for row, reference in enumerate(REFERENCES)
    ]


def sgrpo_settings(tiny_settings: list[str]) -> list[str]:
    """Three prompts a step, all of the data; the KL and the supervised term count."""
    return [
        *tiny_settings,
        "method=sgrpo",
        "training.prompts_per_step=3",
        "method.max_response_tokens=16",
        "method.kl_coefficient=0.3",
        "method.label_weight=0.7",
    ]


def make(
    settings: list[str], path: Path, *extra: str, scores: Sequence[float] = REWARDS
) -> RolloutTrainer:
    """Make a trainer on the tiny policy."""
    config = load_config(overrides=[*settings, *extra])
    trainer = trainer_of_config(
        config,
        path,
        tokens_per_pass=90,
        records=records(),
        reward=FixedReward(scores),
    )
    assert isinstance(trainer, RolloutTrainer)
    # A sixth of all tokens ends a response, so that responses differ in length.
    trainer.eos_token_ids = list(range(0, 320, 6))
    return trainer


def roll_out(trainer: RolloutTrainer) -> dict[str, Any]:
    trainer.model.train()
    batch: dict[str, Any] = trainer._generate_and_score_completions(
        next(iter(trainer.get_train_dataloader()))
    )
    return batch


def step_of(batch: dict[str, Any]) -> Step:
    found: Step = batch[STEP][0]
    return found


def trained(trainer: RolloutTrainer) -> list[torch.Tensor]:
    return [weight for weight in trainer.model.parameters() if weight.requires_grad]


def move(trainer: RolloutTrainer, by: float = 0.05) -> None:
    """Move what is trained away from the reference."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in trained(trainer):
            weight.add_(by * torch.randn_like(weight))


def step(trainer: RolloutTrainer, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    trainer._metrics["train"].clear()
    loss = trainer.compute_loss(trainer.model, batch)
    return loss.detach(), gradient(trainer)


def gradient(trainer: RolloutTrainer) -> torch.Tensor:
    return torch.cat([weight.grad.flatten() for weight in trained(trainer)])


def assert_same(gradient: torch.Tensor, other: torch.Tensor) -> None:
    """Alike but for rounding, measured by the largest entry."""
    size = other.abs().max()
    assert (gradient - other).abs().max() <= 1e-4 * size
    assert size > 0


def log_probs_of(
    model: Any, prompt: Sequence[int], response: Sequence[int], temperature: float = 1.0
) -> torch.Tensor:
    """Of the tokens of one response, in a row of its own."""
    logits = model(input_ids=torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1]
    chosen = torch.tensor(response)[:, None]
    found: torch.Tensor = (logits / temperature).log_softmax(-1).gather(1, chosen).squeeze(1)
    return found


def references_of(trainer: RolloutTrainer) -> list[tuple[list[int], list[int]]]:
    """Prompt and reference of every row of the data, encoded here."""
    tokenizer = trainer.processing_class
    records = trainer.reward_function._records
    return [
        (
            prompt_ids(tokenizer, record.messages),
            [*tokenizer(record.reference)["input_ids"], tokenizer.eos_token_id][:16],
        )
        for record in records
    ]


def grpo_by_hand(
    trainer: RolloutTrainer,
    batch: dict[str, Any],
    before: Any,
    *,
    average: str,
    kl_coefficient: float,
    temperature: float = 1.0,
) -> torch.Tensor:
    """GRPO at an on-policy step: (-A + beta * k3) * pi / sg(pi), over what is learnt from."""
    rows = rollout_responses(batch)
    total = torch.zeros(())
    for row, response in enumerate(rows.responses):
        if not response:
            continue
        now = log_probs_of(trainer.model, rows.prompts[row], response, temperature)
        with torch.no_grad():
            reference = log_probs_of(before, rows.prompts[row], response, temperature)
        k3 = (reference - now).exp() - (reference - now) - 1
        tokens = (-batch["advantages"][row] + kl_coefficient * k3) * (now - now.detach()).exp()
        if average == "token":
            total = total + tokens.sum() / batch["num_items_in_batch"]
        else:
            total = total + tokens.mean() / step_of(batch).num_responses
    return total
