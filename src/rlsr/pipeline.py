"""From a config to a trained and evaluated policy.

``plan_run`` reads and checks everything and writes nothing; ``train_run`` does what was planned, in one run directory.
"""

import logging
import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig
from rlsr.data import Dataset, load_dataset
from rlsr.embeddings import ReferenceCache, load_embedder, load_named_embedder
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.engines.estimate import Estimate, Workload, estimate
from rlsr.errors import ConfigError, RunError
from rlsr.evaluation import HeldoutEvaluation, HeldoutScores, MetricChange
from rlsr.models import (
    Device,
    Policy,
    choose_device,
    choose_dtype,
    load_model_config,
    load_policy,
    load_tokenizer,
    prompt_ids,
    reference_length,
)
from rlsr.report import write_model_card
from rlsr.rewards import ReferenceSimilarity
from rlsr.runs import RunDirectory, cache_directory, collect_provenance
from rlsr.runs.directory import write_json_lines
from rlsr.runs.log import log_to

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenLengths:
    """How long texts are, in the policy's tokens."""

    median: float
    """Half of the texts are no longer."""
    p95: float
    """95 of 100 texts are no longer."""
    maximum: int
    """No text is longer."""


@dataclass(frozen=True)
class RunPlan:
    """What a run will do, with everything checked that can be checked before it."""

    config: RunConfig
    """The config with every value filled in that follows from the data."""
    dataset: Dataset
    """The records, split."""
    device: Device
    """Where it will run."""
    num_steps: int
    """Optimiser steps."""
    prompt_lengths: TokenLengths
    """Prompts, chat template included."""
    reference_lengths: TokenLengths
    """References, end of sequence included."""
    warnings: tuple[str, ...]
    """What is allowed and may surprise."""


@dataclass(frozen=True)
class RunSummary:
    """What a run has done."""

    path: Path
    """The run directory."""
    changes: tuple[MetricChange, ...]
    """Held-out metrics before and after; empty without an evaluation."""
    seconds: Mapping[str, float]
    """Wall-clock by stage of this session."""
    num_steps: int
    """Optimiser steps of the run."""


def plan_run(config: RunConfig) -> RunPlan:
    """Read and check everything that a run needs, and write nothing.

    Args:
        config: The config.

    Returns:
        The plan.

    Raises:
        RlsrError: The data, the model or a combination of settings cannot be used.
    """
    device = choose_device(config.device)
    set_threads(config.threads)
    tokenizer = load_tokenizer(config.model)
    dataset = load_dataset(
        config.data,
        count_tokens=lambda record: len(prompt_ids(tokenizer, record.messages)),
        max_prompt_tokens=config.method.max_prompt_tokens,
    )
    records = [*dataset.train, *dataset.heldout]
    prompts = _lengths([len(prompt_ids(tokenizer, record.messages)) for record in records])
    references = _lengths([reference_length(tokenizer, record.reference) for record in records])
    resolved = _resolve(config, dataset, references)
    _check_settings(resolved)
    num_steps = resolved.training.steps
    assert num_steps is not None, "resolved above"
    return RunPlan(
        config=resolved,
        dataset=dataset,
        device=device,
        num_steps=num_steps,
        prompt_lengths=prompts,
        reference_lengths=references,
        warnings=tuple(_warnings(resolved, dataset, references)),
    )


def estimate_run(plan: RunPlan) -> Estimate:
    """Estimate what a run will cost in memory and time.

    Args:
        plan: The plan.

    Returns:
        The estimate, after a short measurement of the device.
    """
    model = load_model_config(plan.config.model)
    response_tokens = plan.config.method.max_response_tokens
    assert response_tokens is not None, "resolved by the plan"
    work = Workload(
        num_parameters=_num_parameters(model),
        hidden_size=model.hidden_size,
        num_layers=model.num_hidden_layers,
        vocab_size=model.vocab_size,
        bytes_per_weight=choose_dtype(plan.config.model, plan.device).itemsize,
        prompt_tokens=plan.prompt_lengths.median,
        response_tokens=response_tokens,
        num_heldout=len(plan.dataset.heldout),
        num_steps=plan.num_steps,
    )
    return estimate(plan.config, work, plan.device)


def train_run(
    plan: RunPlan,
    path: Path,
    *,
    resume: bool = False,
    observer: TrainingObserver | None = None,
) -> RunSummary:
    """Evaluate, train, evaluate again, and write down all of it.

    Args:
        plan: What ``plan_run`` returned.
        path: The run directory: new, or begun before when resuming.
        resume: Whether to go on with a run that was interrupted.
        observer: Who watches.

    Returns:
        What was done; the same facts are in ``manifest.json``.

    Raises:
        RlsrError: The run directory is taken, or does not fit the plan, or a part cannot be loaded.
    """
    observer = observer or SilentObserver()
    config = plan.config
    run = _open_for_resume(path, config) if resume else None
    if run is None:
        RunDirectory.check_free(path)
    # Loaded before the directory is made, so that a missing package or a wrong name leaves nothing behind.
    observer.on_stage("loading policy and encoders")
    policy = load_policy(config.model, plan.device)
    embedder = load_embedder(config.embedding, plan.device)
    evaluation = _make_evaluation(plan, embedder)
    if run is None:
        run = RunDirectory.create(path, config)
    run.write_provenance(collect_provenance(config.data.path, _machine(plan)))
    reward = ReferenceSimilarity(
        config.reward, embedder, ReferenceCache(embedder, cache_directory("embeddings"))
    )
    seconds: dict[str, float] = {}
    with log_to(run.log_file):
        before = _evaluate(evaluation, policy, run, "before", observer, seconds, reuse=resume)
        # Late: TRL takes seconds to import, and nothing before this needs it.
        from rlsr.engines.trl.train import TrainingJob, train

        observer.on_stage("training")
        started = time.perf_counter()
        job = TrainingJob(
            config=config,
            policy=policy,
            records=plan.dataset.train,
            reward=reward,
            run=run,
            device=plan.device,
            num_steps=plan.num_steps,
        )
        trained = train(job, resume=resume, observer=observer)
        seconds["training"] = time.perf_counter() - started
        after = _evaluate(evaluation, trained, run, "after", observer, seconds, reuse=False)
    changes = evaluation.compare(before, after) if evaluation and before and after else []
    summary = RunSummary(path, tuple(changes), seconds, plan.num_steps)
    write_model_card(run.final, config, changes)
    run.write_manifest(_manifest(plan, summary, run))
    return summary


def set_threads(threads: int | None) -> None:
    """Set the number of CPU threads.

    Args:
        threads: How many; None leaves PyTorch's choice.
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _resolve(config: RunConfig, dataset: Dataset, references: TokenLengths) -> RunConfig:
    """Fill in what follows from the data: response length, steps, learning rate."""
    method, training = config.method, config.training
    if method.max_response_tokens is None:
        tokens = min(max(2 * math.ceil(references.p95), 32), 2048)
        method = method.model_copy(update={"max_response_tokens": tokens})
    steps = training.steps
    if steps is None:
        steps = max(1, math.ceil(training.epochs * len(dataset.train) / training.prompts_per_step))
    training = training.model_copy(update={"steps": steps, "learning_rate": config.learning_rate})
    return config.model_copy(update={"method": method, "training": training})


def _check_settings(config: RunConfig) -> None:
    """Let the engine refuse what it cannot do, before anything is loaded or written."""
    from rlsr.engines.trl.settings import grpo_arguments

    grpo_arguments(config, output_dir="", device="cpu", bfloat16=False, num_steps=1)


def _warnings(config: RunConfig, dataset: Dataset, references: TokenLengths) -> list[str]:
    found = []
    limit = config.method.max_response_tokens
    if limit is not None and references.maximum > limit:
        found.append(
            f"method.max_response_tokens is {limit}, but the longest reference has {references.maximum} tokens: "
            "responses as long as it are cut"
        )
    if len(dataset.train) < config.training.prompts_per_step:
        found.append(
            f"training.prompts_per_step is {config.training.prompts_per_step}, but there are only "
            f"{len(dataset.train)} training prompts: a step holds some of them twice"
        )
    if config.evaluation.enabled and not dataset.heldout:
        found.append(
            "no row is held out (data.heldout is 0): nothing will be measured before and after"
        )
    if dataset.report.skipped:
        found.append(f"{len(dataset.report.skipped)} bad rows are skipped (data.on_bad_row)")
    return found


def _lengths(lengths: Sequence[int]) -> TokenLengths:
    if len(lengths) == 1:
        return TokenLengths(lengths[0], lengths[0], lengths[0])
    p95 = statistics.quantiles(lengths, n=20, method="inclusive")[-1]
    return TokenLengths(statistics.median(lengths), p95, max(lengths))


def _num_parameters(model_config: Any) -> int:
    """Count weights by building the model without memory for them."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(model_config)
    return sum(weight.numel() for weight in model.parameters())


def _open_for_resume(path: Path, config: RunConfig) -> RunDirectory:
    run = RunDirectory.open(path)
    if run.is_complete:
        raise RunError(f"{path}: the run is complete; there is nothing to resume")
    differing = _differing_keys(run.read_config().model_dump(), config.model_dump())
    if differing:
        raise ConfigError(
            f"{path}: a resumed run must keep its config, but these settings differ: {', '.join(differing)}; "
            "leave them out (`rlsr train --resume --out DIR` alone takes the run's own), or start a new run"
        )
    run.drop_cut_off_metrics()
    return run


def _differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            keys += _differing_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            keys.append(prefix + key)
    return keys


def _make_evaluation(plan: RunPlan, embedder: Any) -> HeldoutEvaluation | None:
    config = plan.config
    if not config.evaluation.enabled or not plan.dataset.heldout:
        return None
    independent = config.evaluation.independent_embedding
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    return HeldoutEvaluation(
        plan.dataset.heldout,
        embedder=embedder,
        independent=None if independent is None else load_named_embedder(independent, plan.device),
        config=config.evaluation,
        repetition_rule=config.reward.repetition,
        max_response_tokens=limit,
    )


def _evaluate(
    evaluation: HeldoutEvaluation | None,
    policy: Policy,
    run: RunDirectory,
    when: str,
    observer: TrainingObserver,
    seconds: dict[str, float],
    *,
    reuse: bool,
) -> HeldoutScores | None:
    """Evaluate a policy and keep its answers; a resumed run takes the answers that are already there."""
    if evaluation is None:
        return None
    kept = run.read_evaluation(when) if reuse else None
    if kept is not None:
        return evaluation.from_rows(kept)
    observer.on_stage(f"evaluating {when} training")
    started = time.perf_counter()
    scored = evaluation.run(policy, observer.on_progress)
    seconds[f"evaluation_{when}"] = time.perf_counter() - started
    write_json_lines(run.evaluation / f"{when}.jsonl", evaluation.rows(scored))
    return scored


def _machine(plan: RunPlan) -> dict[str, Any]:
    import torch

    return {
        "device": plan.device,
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if plan.device == "cuda" else None,
    }


def _manifest(plan: RunPlan, summary: RunSummary, run: RunDirectory) -> dict[str, Any]:
    metrics = run.read_metrics()
    report = plan.dataset.report
    return {
        "num_steps": summary.num_steps,
        "method": plan.config.method.type,
        "model": plan.config.model.name,
        "data": {
            "source": report.source,
            "num_rows": report.num_rows,
            "num_train": report.num_train,
            "num_heldout": report.num_heldout,
            "skipped": [problem.line for problem in report.skipped],
        },
        "seconds": dict(summary.seconds),
        "peak_memory_gb": max((row["memory/peak_gb"] for row in metrics), default=None),
        "heldout": [asdict(change) for change in summary.changes],
        "final": os.path.relpath(run.final, run.path),
    }
