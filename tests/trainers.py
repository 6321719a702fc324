"""Trainers of the trl engine, put together as a run does it, on the policy of a config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlsr.config import RunConfig
from rlsr.data import PromptRecord, load_dataset
from rlsr.engines import SilentObserver
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import StepCut
from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.train import make_trainer
from rlsr.models import Device, load_policy
from rlsr.rewards import Reward, RewardBatch, RewardResult, open_reward
from rlsr.runs import RunDirectory


def trainer_of_config(
    config: RunConfig,
    path: Path,
    *,
    tokens_per_pass: int,
    records: Sequence[PromptRecord] | None = None,
    reward: Reward | None = None,
    device: Device = "cpu",
) -> Any:
    """Make the trainer of a run of three steps; by default with the config's own data and reward."""
    job = TrainingJob(
        config=config,
        records=load_dataset(config.data).train if records is None else records,
        reward=open_reward(config, device, keep=False) if reward is None else reward,
        run=RunDirectory.create(path, config),
        device=device,
        num_steps=3,
        cut=StepCut(tokens_per_pass),
    )
    return make_trainer(job, load_policy(config.model, device), StepLog(job, SilentObserver()))


class FixedReward(Reward):
    """Gives the responses of a rollout these scores."""

    def __init__(self, scores: Sequence[float]) -> None:
        self._scores = np.array(scores)

    def score(self, batch: RewardBatch) -> RewardResult:
        return RewardResult(self._scores, {"empty": np.zeros(len(self._scores))})


def roll_out(trainer: Any) -> dict[str, Any]:
    """Sample and score the first step of a run."""
    trainer.model.train()
    batch: dict[str, Any] = trainer._generate_and_score_completions(
        next(iter(trainer.get_train_dataloader()))
    )
    return batch


def gradient(trainer: Any) -> torch.Tensor:
    """Put the gradients of all weights in a row."""
    return torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()])
