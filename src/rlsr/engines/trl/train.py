"""Training a policy with TRL: put the parts together, train, save."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback
from transformers.trainer_utils import set_seed

from rlsr.config.method import RlsrMethod, SgrpoMethod
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.stopping import stop_reason
from rlsr.engines.trl.callbacks import StepRecorder
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.optimizer import MasterWeightAdamW
from rlsr.engines.trl.pairs import PairCollator, as_pair_dataset
from rlsr.engines.trl.preference import PreferenceTrainer
from rlsr.engines.trl.rollout import RECORD_COLUMN, RewardFunction
from rlsr.engines.trl.settings import make_trainer_config, trainer_arguments
from rlsr.engines.trl.sgrpo import sgrpo_additions
from rlsr.engines.trl.starting_point import (
    forget_reference,
    frozen_reference,
    has_adapters,
    prepare_weights,
    settle_copy_of_adapters,
)
from rlsr.engines.trl.step import Addition
from rlsr.engines.trl.supervised import SupervisedTrainer
from rlsr.engines.trl.supervised_rows import (
    REFERENCE_COLUMN,
    PromptResponseCollator,
    as_reference_dataset,
    response_ids,
)
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.models import Device, Policy, as_chat
from rlsr.models.generate import stop_ids
from rlsr.processes import ALONE, Processes
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
    processes: Processes = ALONE
    """Those that train together."""
    measure_heldout: Callable[[Any], float] | None = None
    """Measures the reward of a policy on prompts that are not trained on, for a stopping rule that asks for it."""


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
    """
    trainer = make_trainer(job, observer)
    assert trainer.accelerator.num_processes == job.processes.count, "they have met before"
    checkpoint = newest_complete_checkpoint(job.run.checkpoints) if resume else None
    # Another process may see a shared directory later.
    checkpoint = job.processes.from_main(checkpoint)
    if checkpoint is not None and _came_to_its_end(job, checkpoint):
        trainer._load_from_checkpoint(checkpoint)
    else:
        trainer.train(resume_from_checkpoint=checkpoint)
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    forget_reference(model)
    trained = replace(job.policy, model=model.eval(), source=str(job.run.final))
    if job.processes.is_main:
        save_policy(trained, job.run.final)
    job.processes.wait()
    return trained


def _came_to_its_end(job: TrainingJob, checkpoint: str) -> bool:
    """Say whether a rule had ended training at a checkpoint; the trainer would take one more step to find out."""
    step = _step_of(Path(checkpoint))
    rows = [row for row in job.run.read_metrics() if row["step"] <= step]
    return stop_reason(rows, job.config) is not None


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
    return str(max(found, key=_step_of))


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


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


def make_trainer(job: TrainingJob, observer: TrainingObserver) -> HostOverrides:
    """Put the trainer of a job together, ready to train.

    Args:
        job: What is to be done.
        observer: Who watches.

    Returns:
        The trainer.
    """
    config, policy = job.config, job.policy
    # New adapters start from random numbers.
    set_seed(config.seed)
    recorder = StepRecorder(job.run, config, observer, job.measure_heldout, job.processes)
    parts: dict[str, Any] = {
        "config": config,
        "max_tokens": job.tokens_per_pass,
        "model": prepare_weights(config, policy.model),
        "args": make_trainer_config(
            config,
            trainer_arguments(
                config,
                output_dir=str(job.run.checkpoints),
                device=job.device,
                num_steps=job.num_steps,
                num_processes=job.processes.count,
            ),
        ),
        "processing_class": policy.tokenizer,
        "callbacks": [recorder],
    }
    trainer = _TRAINERS.get(config.method.type, _supervised_trainer)(job, parts)
    recorder.trainer = trainer
    if policy.model.dtype == torch.bfloat16:
        # Not the optimiser itself: a resumed run gets its adapters' weights, as new tensors, before it makes it.
        trainer.optimizer_cls_and_kwargs = (
            MasterWeightAdamW,
            {"lr": config.learning_rate, "betas": config.training.adam_betas},
        )
    # It prints every number of every step; the recorder and the observer have them.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _reward_function(job: TrainingJob) -> RewardFunction:
    return RewardFunction(job.reward, job.records, stop_ids(job.policy), job.processes)


def _rollout_trainer(job: TrainingJob, parts: dict[str, Any]) -> HostOverrides:
    method, dataset = job.config.method, as_dataset(job.records)
    assert isinstance(method, RlsrMethod), "other methods have other trainers"
    reward_function = _reward_function(job)
    additions: list[Addition] = []
    if isinstance(method, SgrpoMethod):
        additions = sgrpo_additions(method, reward_function)
        limit = method.max_response_tokens
        assert limit is not None, "resolved by the plan"
        references = [
            response_ids(job.policy.tokenizer, record.reference, max_response_tokens=limit)
            for record in job.records
        ]
        dataset = dataset.add_column(REFERENCE_COLUMN, references)
    trainer = RolloutTrainer(
        # With a KL term TRL makes the reference policy.
        reference=None if method.kl_coefficient else frozen_reference(job.config, parts["model"]),
        reward_function=reward_function,
        rows_at_a_time=job.rows_at_a_time,
        additions=additions,
        train_dataset=dataset,
        **parts,
    )
    settle_copy_of_adapters(trainer.model)
    return trainer


def _supervised_trainer(job: TrainingJob, parts: dict[str, Any]) -> HostOverrides:
    limit = job.config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    tokenizer = job.policy.tokenizer
    return SupervisedTrainer(
        reference=frozen_reference(job.config, parts["model"]),
        train_dataset=as_reference_dataset(job.records, tokenizer, max_response_tokens=limit),
        data_collator=PromptResponseCollator(tokenizer.pad_token_id),
        **parts,
    )


def _preference_trainer(job: TrainingJob, parts: dict[str, Any]) -> HostOverrides:
    limit = job.config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    tokenizer = job.policy.tokenizer
    model = parts["model"]
    trainer = PreferenceTrainer(
        # Where adapters are trained, TRL makes the copy of those that were trained before.
        ref_model=None if has_adapters(model) else frozen_reference(job.config, model),
        train_dataset=as_pair_dataset(job.records, tokenizer, max_response_tokens=limit),
        data_collator=PairCollator(tokenizer.pad_token_id),
        **parts,
    )
    settle_copy_of_adapters(trainer.model)
    return trainer


_TRAINERS: dict[str, Callable[[TrainingJob, dict[str, Any]], HostOverrides]] = {
    "rlsr": _rollout_trainer,
    "sgrpo": _rollout_trainer,
    "dpo": _preference_trainer,
}
"""Who makes the trainer of a method that is not supervised."""


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
