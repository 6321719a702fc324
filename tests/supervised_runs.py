"""Trainers of the supervised methods on the tiny policy, and their gradients."""

from pathlib import Path
from typing import Any

import torch

from rlsr.config import load_config
from rlsr.engines.trl.supervised import SupervisedTrainer
from trainers import trainer_of_config


def make(settings: list[str], path: Path, method: str, *extra: str) -> SupervisedTrainer:
    """Make a trainer on the tiny policy."""
    shared = [setting for setting in settings if not setting.startswith("method.")]
    config = load_config(
        overrides=[*shared, f"method={method}", "method.max_response_tokens=12", *extra]
    )
    trainer = trainer_of_config(
        config, path, tokens_per_pass=config.training.tokens_per_pass or 1000
    )
    assert isinstance(trainer, SupervisedTrainer)
    return trainer


def gradient_of(trainer: Any, batch: dict[str, Any]) -> tuple[float, list[torch.Tensor]]:
    trainer.model.zero_grad()
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, batch)
    if loss.grad_fn is not None:
        loss.backward()
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    return float(loss.detach()), [weight.grad.clone() for weight in trained]


def move(trainer: Any) -> None:
    """Move the trained weights away from the policy before training."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn_like(weight))


def batch_of(trainer: Any) -> dict[str, torch.Tensor]:
    batch: dict[str, torch.Tensor] = next(iter(trainer.get_train_dataloader()))
    return batch
