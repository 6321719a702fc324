"""Training a policy with TRL: put the parts together, train, save."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint, set_seed

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
    checkpoint = get_last_checkpoint(str(job.run.checkpoints)) if resume else None
    trainer.train(resume_from_checkpoint=checkpoint)
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    save_policy(model, job.policy.tokenizer, job.run.final)
    return Policy(model=model.eval(), tokenizer=job.policy.tokenizer, source=str(job.run.final))


def save_policy(model: Any, tokenizer: Any, directory: Path) -> None:
    """Save a model or an adapter so that ``transformers`` or ``peft`` load it as it is.

    Args:
        model: A language model, with or without adapters.
        tokenizer: Saved beside it.
        directory: Where to.
    """
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def make_trainer(job: TrainingJob, observer: TrainingObserver) -> RlsrTrainer:
    """Put the trainer of a job together, ready to train.

    Args:
        job: What is to be done.
        observer: Who watches.

    Returns:
        The trainer.
    """
    config, policy = job.config, job.policy
    bfloat16 = policy.model.dtype == torch.bfloat16
    arguments = make_grpo_config(
        grpo_arguments(
            config,
            output_dir=str(job.run.checkpoints),
            device=job.device,
            bfloat16=bfloat16,
            num_steps=job.num_steps,
        )
    )
    # New adapters start from random numbers.
    set_seed(config.seed)
    model = policy.model if config.model.lora is None else _with_adapters(config, policy.model)
    reward_function = RewardFunction(job.reward, job.records)
    recorder = StepRecorder(job.run, reward_function, observer, config.training.sample_groups)
    trainer = RlsrTrainer(
        method=config.method,
        prompts_per_step=config.training.prompts_per_step,
        model=model,
        args=arguments,
        reward_funcs=[reward_function],
        train_dataset=as_dataset(job.records),
        processing_class=policy.tokenizer,
        callbacks=[recorder],
        optimizers=(_master_weight_optimizer(config, model) if bfloat16 else None, None),
    )
    recorder.trainer = trainer
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
    )


def _master_weight_optimizer(config: RunConfig, model: Any) -> MasterWeightAdamW | None:
    """Keep float32 copies of bfloat16 weights; adapters are float32 already and need none."""
    if config.model.lora is not None:
        return None
    training = config.training
    return MasterWeightAdamW(
        (weight for weight in model.parameters() if weight.requires_grad),
        lr=config.learning_rate,
        betas=training.adam_betas,
        weight_decay=training.weight_decay,
    )
