"""Training a policy with TRL: put the parts together, train, save."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback
from transformers.trainer_utils import set_seed

from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.trl.callbacks import StepRecorder
from rlsr.engines.trl.optimizer import MasterWeightAdamW
from rlsr.engines.trl.rollout import RECORD_COLUMN, RewardFunction
from rlsr.engines.trl.settings import check_processes, grpo_arguments, make_grpo_config
from rlsr.engines.trl.trainer import RlsrTrainer
from rlsr.models import Device, Policy, as_chat
from rlsr.rewards import Reward
from rlsr.runs import RunDirectory


@dataclass(frozen=True)
class TrainingJob:
    """What is to be trained, on what, for what reward, and where it is written."""

    config: RunConfig
    """The resolved config."""
    policy: Policy
    """The policy; its weights are changed in place."""
    records: Sequence[PromptRecord]
    """The training prompts with their references."""
    reward: Reward
    """Scores rollouts."""
    run: RunDirectory
    """Where metrics, samples, checkpoints and the final model go."""
    device: Device
    """The run's device."""
    num_steps: int
    """Optimiser steps of the run."""
    tokens_per_pass: int
    """Tokens of one forward and backward pass."""
    rows_at_a_time: int | None = None
    """Responses written side by side in a rollout, where memory sets a limit."""


def train(job: TrainingJob, *, resume: bool, observer: TrainingObserver) -> Policy:
    """Train a policy on prompts and save it to the run's ``final/``.

    Args:
        job: What is to be done.
        resume: Whether to go on from the newest checkpoint, if there is one.
        observer: Who watches.

    Returns:
        The trained policy, as saved.

    Raises:
        ConfigError: TRL refuses an option.
        EngineError: The launch would train several policies side by side.
    """
    trainer = make_trainer(job, observer)
    check_processes(trainer.accelerator.num_processes, int(os.environ.get("WORLD_SIZE", "1")))
    checkpoint = newest_complete_checkpoint(job.run.checkpoints) if resume else None
    trainer.train(resume_from_checkpoint=checkpoint)
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    trained = replace(job.policy, model=model.eval(), source=str(job.run.final))
    save_policy(trained, job.run.final)
    return trained


def newest_complete_checkpoint(directory: Path) -> str | None:
    """Find the checkpoint to resume from.

    A run that was killed while it wrote a checkpoint leaves half of one; the trainer's state is the last file of it, so
    that its existence means complete.

    Args:
        directory: Where checkpoints go.

    Returns:
        The path of the newest complete checkpoint; None if there is none.
    """
    found = [path for path in directory.glob("checkpoint-*") if _is_complete(path)]
    if not found:
        return None
    return str(max(found, key=lambda path: int(path.name.removeprefix("checkpoint-"))))


def _is_complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def save_policy(policy: Policy, directory: Path) -> None:
    """Save a model or an adapter so that ``transformers`` or ``peft`` load it as it is.

    Args:
        policy: The policy, with or without adapters.
        directory: Where to.
    """
    neutral = policy.model.generation_config
    if policy.published_generation is not None:
        policy.model.generation_config = policy.published_generation
    policy.model.save_pretrained(directory)
    policy.tokenizer.save_pretrained(directory)
    policy.model.generation_config = neutral


def make_trainer(job: TrainingJob, observer: TrainingObserver) -> RlsrTrainer:
    """Put the trainer of a job together, ready to train.

    Args:
        job: What is to be done.
        observer: Who watches.

    Returns:
        The trainer.
    """
    config, policy = job.config, job.policy
    arguments = make_grpo_config(
        grpo_arguments(
            config,
            output_dir=str(job.run.checkpoints),
            device=job.device,
            num_steps=job.num_steps,
        )
    )
    # New adapters start from random numbers.
    set_seed(config.seed)
    model = policy.model if config.model.lora is None else _with_adapters(config, policy.model)
    reward_function = RewardFunction(job.reward, job.records)
    recorder = StepRecorder(job.run, reward_function, observer, config.training.sample_groups)
    trainer = RlsrTrainer(
        config=config,
        max_tokens=job.tokens_per_pass,
        rows_at_a_time=job.rows_at_a_time,
        model=model,
        args=arguments,
        reward_funcs=[reward_function],
        train_dataset=as_dataset(job.records),
        processing_class=policy.tokenizer,
        callbacks=[recorder],
    )
    recorder.trainer = trainer
    if config.model.lora is not None and "ref" in model.peft_config:
        # TRL's copy of the new adapters would be saved with them; our reference is the policy without adapters.
        model.delete_adapter("ref")
    if policy.model.dtype == torch.bfloat16:
        # Not the optimiser itself: a resumed run gets its adapters' weights, as new tensors, before it makes it.
        trainer.optimizer_cls_and_kwargs = (
            MasterWeightAdamW,
            {"lr": config.learning_rate, "betas": config.training.adam_betas},
        )
    # It prints every number of every step; the recorder and the observer have them.
    trainer.remove_callback(PrinterCallback)
    return trainer


def as_dataset(records: Sequence[PromptRecord]) -> Dataset:
    """Write records as the rows that TRL reads.

    Args:
        records: The training prompts.

    Returns:
        Conversational prompts, and the place of each record for the reward.
    """
    return Dataset.from_list(
        [
            {"prompt": as_chat(record.messages), RECORD_COLUMN: row}
            for row, record in enumerate(records)
        ]
    )


def _with_adapters(config: RunConfig, model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    lora = config.model.lora
    assert lora is not None, "only called with adapters"
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        # In the type of the other weights, so that nothing is cast in every layer; the optimiser has float32 copies.
        autocast_adapter_dtype=False,
    )
