"""What a run will do: everything that can be read and checked before anything is written."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rlsr.config import RunConfig
from rlsr.config.embedding import embedding_named
from rlsr.config.preference import PairMethod
from rlsr.data import DataReport, Dataset, PromptRecord, load_dataset
from rlsr.data.stored import EveryReference, Joined, num_references
from rlsr.embeddings import require_embedder
from rlsr.engines.estimate import TimeEstimate, Workload
from rlsr.engines.memory import MemoryPlan
from rlsr.engines.table import engine_of
from rlsr.errors import ConfigError
from rlsr.evaluation.metrics import require_metrics
from rlsr.models import (
    Device,
    PromptLengths,
    choose_device,
    load_model_config,
    load_tokenizer,
    reference_lengths,
)
from rlsr.monitors.watch import require_monitors
from rlsr.pipeline.before_training import (
    require_answers,
    require_end,
    require_fitting_adapters,
    require_memory,
)
from rlsr.pipeline.preferences import rejected_source, used_records
from rlsr.pipeline.token_lengths import TokenLengths, bytes_of, measure_lengths
from rlsr.pipeline.validation import number_set_aside, set_aside
from rlsr.processes import Processes, join_processes
from rlsr.rewards import reward_kind
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import too_few
from rlsr.tracking.table import require_trackers


@dataclass(frozen=True)
class RunPlan:
    """What a run will do, with everything checked that can be checked before it."""

    config: RunConfig
    """The config with every value filled in that follows from the data."""
    dataset: Dataset
    """The records, split."""
    train: Sequence[PromptRecord]
    """The training prompts without those that are set aside for validation."""
    validation: tuple[PromptRecord, ...]
    """The prompts that are measured while training; empty where none are."""
    device: Device
    """Where it will run."""
    processes: Processes
    """Those that train together."""
    num_steps: int
    """Optimiser steps."""
    prompt_lengths: TokenLengths
    """Prompts, chat template included."""
    reference_lengths: TokenLengths
    """References, end of sequence included."""
    memory: MemoryPlan
    """How a step is cut so that it fits into memory."""
    warnings: tuple[str, ...]
    """What is allowed and may surprise."""

    @property
    def measured_pairs(self) -> tuple[Sequence[PromptRecord], ...]:
        """The prompts that a scorer is measured on, those of validation and those held out; nothing where a policy is made."""
        return _measured_pairs(self.config, self.validation, self.dataset)


def plan_run(config: RunConfig, *, trains: bool = True, in_child: bool = False) -> RunPlan:
    """Read and check everything that a run needs, and write nothing.

    Args:
        config: The config.
        trains: Whether it is going to train; what only measures a policy needs less.
        in_child: Whether it trains in a process of its own, which is given one of several GPUs.

    Raises:
        RlsrError: The data, the model or a combination of settings cannot be used.
    """
    require_metrics(config)
    require_monitors(config)
    if trains:
        require_trackers(config)
        require_fitting_adapters(config, load_model_config(config.model))
    _require_encoders(config)
    trains_here = trains and not in_child and config.engine.trains_here
    device = choose_device(config.device, trains_here=trains_here)
    processes = join_processes(device)
    set_threads(config.threads)
    tokenizer = load_tokenizer(config.model)
    lengths = PromptLengths(tokenizer)
    budget = config.method.max_prompt_tokens
    dataset = load_dataset(
        config.data,
        count_tokens=lambda record: lengths.count_within(record.messages, budget),
        max_prompt_tokens=budget,
    )
    records = Joined(dataset.train, dataset.heldout)
    prompt_bytes, reference_bytes = bytes_of(records, lengths.size)
    prompts = measure_lengths(
        records,
        sizes=prompt_bytes,
        count=lambda some: lengths.count([record.messages for record in some]),
    )
    references = measure_lengths(
        EveryReference(records),
        sizes=reference_bytes,
        count=partial(reference_lengths, tokenizer),
    )
    model_config = load_model_config(config.model)
    context = _context_length(model_config)
    keys = dataset.train_keys
    num_validation = number_set_aside(config.validation, keys)
    train, validation = set_aside(dataset.train, keys, num_validation, seed=config.data.seed)
    resolved = _resolve(
        config,
        train,
        references,
        room=context - prompts.maximum,
        num_validation=len(validation),
    )
    _check_context(resolved, prompts, context)
    engine = engine_of(resolved)
    # Before anything is loaded or written.
    engine.check(resolved, device=device, processes=processes)
    reward_kind(resolved).check(resolved, records)
    if isinstance(resolved.method, PairMethod):
        paired = Joined(train, *_measured_pairs(resolved, validation, dataset))
        if rejected_source(resolved.method, paired) == "worst_sample":
            require_answers(resolved, model_config)
    num_steps = resolved.training.steps
    assert num_steps is not None, "resolved above"
    memory = engine.plan(
        resolved, longest_prompt=prompts.maximum, device=device, processes=processes
    )
    if trains:
        require_end(resolved, num_steps)
        require_memory(memory, device, processes)
    return RunPlan(
        config=resolved,
        dataset=dataset,
        train=train,
        validation=validation,
        device=device,
        processes=processes,
        num_steps=num_steps,
        prompt_lengths=prompts,
        reference_lengths=references,
        memory=memory,
        warnings=(*_warnings(resolved, dataset, train, references), *memory.notices),
    )


def _require_encoders(config: RunConfig) -> None:
    """Refuse encoders that are not there; the reward's is its own affair."""
    model = config.independent_embedding
    if config.evaluation.enabled and model is not None:
        require_embedder(embedding_named(model), "evaluation.independent_embedding")


def estimate_run(plan: RunPlan) -> TimeEstimate:
    """Estimate how long a run will take.

    Args:
        plan: The plan.

    Returns:
        The estimate, after a short measurement of the device.
    """
    method = plan.config.method
    response_tokens, longest_sample = method.max_response_tokens, method.longest_sample
    assert response_tokens is not None, "resolved by the plan"
    assert longest_sample is not None, "resolved by the plan"
    work = Workload(
        prompt_tokens=plan.prompt_lengths.median,
        response_tokens=longest_sample if method.num_sampled else plan.reference_lengths.median,
        answer_tokens=response_tokens,
        num_heldout=len(plan.dataset.heldout),
        num_steps=plan.num_steps,
        num_samples=_num_samples(plan),
        num_validation=len(plan.validation),
    )
    return engine_of(plan.config).estimate(plan.config, work, device=plan.device)


def _num_samples(plan: RunPlan) -> int:
    method = plan.config.method
    measured = Joined(*plan.measured_pairs)
    if (
        not isinstance(method, PairMethod)
        or rejected_source(method, Joined(plan.train, measured)) == "data"
    ):
        return 0
    return method.num_generations * (len(used_records(plan.config, plan.train)) + len(measured))


def _measured_pairs(
    config: RunConfig, validation: Sequence[PromptRecord], dataset: Dataset
) -> tuple[Sequence[PromptRecord], ...]:
    """List the prompts that a scorer is measured on, each of which needs a worse answer; a policy writes its own."""
    if config.method.makes != "scorer":
        return ()
    return validation, dataset.heldout if config.evaluation.enabled else ()


def set_threads(threads: int | None) -> None:
    """Set the number of CPU threads.

    Args:
        threads: How many; None leaves PyTorch's choice.
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _context_length(model_config: Any) -> int:
    """Read how many positions the policy knows; without such a limit as many as fit into memory."""
    limit = getattr(model_config.get_text_config(), "max_position_embeddings", None)
    return limit if isinstance(limit, int) else sys.maxsize


def _check_context(config: RunConfig, prompts: TokenLengths, context: int) -> None:
    """Refuse what would run over the policy's positions, which some policies do without a word."""
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved before"
    if prompts.maximum + limit > context:
        raise ConfigError(
            f"method.max_response_tokens: the longest prompt has {prompts.maximum} tokens, which with {limit} of the response "
            f"is more than the {context} that {config.model.name} can hold; lower it, or lower method.max_prompt_tokens with "
            "data.on_bad_row=skip"
        )


def _resolve(
    config: RunConfig,
    train: Sequence[PromptRecord],
    references: TokenLengths,
    *,
    room: int,
    num_validation: int,
) -> RunConfig:
    """Fill in what follows from the data and from other settings: lengths, numbers, learning rate, scorers."""
    method, training = config.method, config.training
    if method.max_response_tokens is None:
        tokens = min(max(2 * math.ceil(references.p95), 32), 2048)
        tokens = min(tokens, room) if room >= 32 else tokens
        method = method.model_copy(update={"max_response_tokens": tokens})
    steps = training.steps
    if steps is None:
        steps = _steps_of(training.epochs, config, train)
    if method.learns_from == "references" and config.pipeline.sft_stop.epoch is not None:
        steps = min(steps, _steps_of(config.pipeline.sft_stop.epoch, config, train))
    training = training.model_copy(update={"steps": steps, "learning_rate": config.learning_rate})
    evaluation = config.evaluation.model_copy(
        update={"independent_embedding": config.independent_embedding}
    )
    validation = config.validation.model_copy(
        update={
            "num_prompts": num_validation,
            "metric": config.validation_metric,
            # Where a share of few prompts is none, there is nothing to have patience with.
            "patience": config.validation.patience if num_validation else None,
        }
    )
    return config.model_copy(
        update={
            "method": method,
            "training": training,
            "validation": validation,
            "evaluation": evaluation,
        }
    )


def _steps_of(epochs: float, config: RunConfig, train: Sequence[PromptRecord]) -> int:
    num_rows = len(train)
    if config.method.learns_from == "references":
        # A row for each of them.
        num_rows = int(num_references(train).sum())
    return max(1, math.ceil(epochs * num_rows / config.training.prompts_per_step))


def _warnings(
    config: RunConfig, dataset: Dataset, train: Sequence[PromptRecord], references: TokenLengths
) -> list[str]:
    found = []
    limit = config.method.max_response_tokens
    if limit is not None and references.maximum > limit:
        consequence = "responses as long as it are cut"
        if config.method.learns_references:
            consequence = "longer ones are cut, and teach no end"
        found.append(
            f"method.max_response_tokens is {limit}, but the longest reference has {references.maximum} tokens: {consequence}"
        )
    if len(train) < config.training.prompts_per_step:
        found.append(
            f"training.prompts_per_step is {config.training.prompts_per_step}, but there are only "
            f"{len(train)} training prompts: a step holds some of them twice"
        )
    if config.evaluation.enabled and not dataset.heldout:
        found.append(
            "no row is held out (data.heldout is 0): nothing will be measured before and after"
        )
    found += _of_data(config, dataset.report)
    few = too_few(len(dataset.heldout), "held-out prompts")
    if config.evaluation.enabled and dataset.heldout and few:
        found.append(f"{few}: {_more_heldout(config, dataset)}")
    return found


def _of_data(config: RunConfig, report: DataReport) -> list[str]:
    """Say which rows are merged or left out, and what is no part of the others."""
    found = []
    if report.num_merged:
        found.append(
            f"rows merged: {report.num_merged}, "
            f"prompts with several references: {report.num_several_references} (data.same_prompt)"
        )
    if report.num_repeated:
        found.append(
            f"rows left out that repeat the prompt and answer of another: {report.num_repeated} (data.same_prompt)"
        )
    if report.num_overlapping:
        found.append(
            f"training rows left out that hold a prompt of {', '.join(config.data.remove_overlap)}: {report.num_overlapping} "
            "(data.remove_overlap)"
        )
    if report.skipped:
        found.append(
            f"{len(report.skipped)} bad rows are skipped (data.on_bad_row); the run lists them in skipped_rows.jsonl"
        )
    if report.beside:
        found.append(report.answer_in_words)
    return found


def _more_heldout(config: RunConfig, dataset: Dataset) -> str:
    """Say how more rows are held out; what is left to train on should be more than what is held out."""
    if config.data.heldout_path is not None:
        return f"give {config.data.heldout_path} more rows"
    if len(dataset.train) + len(dataset.heldout) > 2 * FEWEST_UNITS:
        return (
            f"hold out more with data.heldout={FEWEST_UNITS}, or name a file with data.heldout_path"
        )
    return "add rows, or name a file of prompts to measure on with data.heldout_path"
