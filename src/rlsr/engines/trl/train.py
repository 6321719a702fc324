"""Training a policy with TRL: put the parts together, train, save."""

from dataclasses import replace
from pathlib import Path

import torch
from transformers import PrinterCallback
from transformers.trainer_utils import set_seed

from rlsr.engines.job import TrainingJob
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.callbacks import StepRecorder
from rlsr.engines.trl.checkpoints import newest_whole_checkpoint, step_of
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.interruption import train_or_save
from rlsr.engines.trl.optimizer import MasterWeightAdamW
from rlsr.engines.trl.starting_point import forget_reference, prepare_weights
from rlsr.engines.trl.trainers import trainer_of
from rlsr.models import Policy
from rlsr.models.forms import form_of
from rlsr.runs.refused_writes import writing_to


def train(job: TrainingJob, *, resume: bool, observer: TrainingObserver) -> Path:
    """Train a policy on prompts and save it, or the best that it was on the way, to the run's ``final/``.

    Args:
        job: What is to be done.
        resume: Whether to go on from the newest checkpoint, if there is one.
        observer: Who watches.

    Raises:
        BudgetError: What may be asked of a server is used up; the last step is saved.
        ConfigError: TRL refuses an option.
        ModelError: The model to start from cannot be loaded.
        RunError: No checkpoint is whole any more, or something cannot be written.
    """
    policy = form_of(job.config.method).load(job.config.model, job.device)
    log = StepLog(job, observer)
    trainer = make_trainer(job, policy, log)
    assert trainer.accelerator.num_processes == job.processes.count, "they have met before"
    # Another process may see a shared directory later.
    checkpoint = job.processes.from_main(_checkpoint_to_go_on_from(job) if resume else None)
    if checkpoint is not None and log.go_on_from(step_of(checkpoint)) is not None:
        # A rule had ended training there; the trainer would take one more step to find out.
        trainer._load_from_checkpoint(str(checkpoint))
    else:
        train_or_save(trainer, log, checkpoint, job.processes)
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    forget_reference(model)
    if job.processes.is_main:
        with writing_to(job.run.final), trainer.as_it_is_kept():
            log.save_final(replace(policy, model=model), job.run.final)
    job.processes.wait()
    return job.run.final


def _checkpoint_to_go_on_from(job: TrainingJob) -> Path | None:
    """Find the newest whole checkpoint, in one process: all of its files are read."""
    return newest_whole_checkpoint(job.run.checkpoints) if job.processes.is_main else None


def make_trainer(job: TrainingJob, policy: Policy, log: StepLog) -> HostOverrides:
    """Put the trainer of a job together, ready to train.

    Args:
        job: What is to be done.
        policy: What training starts from; its weights are changed in place.
        log: Of the run.
    """
    config, kind = job.config, trainer_of(job.config)
    # New adapters start from random numbers.
    set_seed(config.seed)
    recorder = StepRecorder(log, policy, num_samples=config.training.sample_groups)
    arguments = kind.trl_config(
        config,
        output_dir=str(job.run.checkpoints),
        device=job.device,
        num_steps=job.num_steps,
        num_processes=job.processes.count,
    )
    trainer: HostOverrides = kind.make(
        job,
        policy,
        {
            "config": config,
            "tokens_per_pass": job.cut.tokens_per_pass,
            "model": prepare_weights(config, policy.model),
            "args": arguments,
            "processing_class": policy.tokenizer,
            "callbacks": [recorder],
        },
    )
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
