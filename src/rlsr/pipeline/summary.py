"""What a run has done, for people and for ``manifest.json``."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig
from rlsr.data import DataReport
from rlsr.evaluation import MetricChange
from rlsr.monitors.watch import Episode
from rlsr.pipeline.plan import RunPlan
from rlsr.remote.spending import NOTHING_ASKED, Spent
from rlsr.runs.step_totals import peak_memory_gb, seconds_spent, steps_taken, tokens_trained
from rlsr.runs.validation import MEASURES, best_measurement, kept_in_words, kept_measurement


@dataclass(frozen=True)
class KeptWeights:
    """Which weights of a run ``final/`` has."""

    best_step: int
    """Steps after which they were the policy's; 0 for the policy before training."""
    metric: str
    """What chose them, as ``validation.metric`` names it."""
    num_prompts: int
    """Validation prompts."""
    value: float
    """Their measurement; NaN where nothing could be scored, and the last weights were kept."""
    in_words: str
    """All of this, as a part of a sentence."""


def kept_weights(
    metrics: Sequence[Mapping[str, Any]], config: RunConfig, num_prompts: int
) -> KeptWeights | None:
    """Find out which weights a run has kept.

    Args:
        metrics: The rows of ``metrics.jsonl``.
        config: The resolved config.
        num_prompts: Validation prompts.

    Returns:
        None where nothing was measured, and the last weights were kept.
    """
    metric = config.validation_metric
    if not any(MEASURES[metric].column in row for row in metrics):
        return None
    kept = kept_measurement(metrics, metric, config.validation.tolerance)
    num_steps = steps_taken(metrics)
    return KeptWeights(
        best_step=kept.step if kept else num_steps,
        metric=metric,
        num_prompts=num_prompts,
        value=kept.value if kept else math.nan,
        in_words=kept_in_words(
            kept,
            best_measurement(metrics, metric),
            metric=metric,
            num_prompts=num_prompts,
            num_steps=num_steps,
        ),
    )


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
    """Optimiser steps that were taken."""
    stopped: str | None
    """Why training ended before its last step, where a rule ended it."""
    kept: KeptWeights | None
    """Which weights ``final/`` has, where validation chose them."""
    warnings: tuple[str, ...]
    """What the numbers of the run say that a person should know."""
    signs: tuple[Episode, ...] = ()
    """What monitors have said over the run."""
    asked: Spent = NOTHING_ASKED
    """What was asked of servers, earlier sessions included."""


def manifest(
    plan: RunPlan, summary: RunSummary, metrics: Sequence[Mapping[str, float]], final: str
) -> dict[str, Any]:
    """Put together what ``manifest.json`` says.

    Args:
        plan: What was planned.
        summary: What was done.
        metrics: The rows of ``metrics.jsonl``.
        final: The trained model's directory, as seen from the run directory.

    Returns:
        JSON-ready facts.
    """
    return {
        "num_steps": summary.num_steps,
        "stopped": summary.stopped,
        "best_step": summary.kept.best_step if summary.kept else None,
        "validation": summary.kept,
        "tokens_trained": tokens_trained(metrics),
        "training_seconds": seconds_spent(metrics),
        "method": plan.config.method.type,
        "model": plan.config.model.name,
        "data": data_facts(plan.dataset.report),
        "seconds": dict(summary.seconds),
        "peak_memory_gb": peak_memory_gb(metrics),
        "heldout": summary.changes,
        "monitors": summary.signs,
        "warnings": [*plan.warnings, *summary.warnings],
        "final": final,
        **({} if summary.asked == NOTHING_ASKED else {"asked": summary.asked}),
    }


def data_facts(report: DataReport) -> dict[str, Any]:
    """Say which rows a run had.

    Args:
        report: Of the data that was read.

    Returns:
        JSON-ready facts.
    """
    return {
        "source": report.source,
        "num_rows": report.num_rows,
        "num_train": report.num_train,
        "num_heldout": report.num_heldout,
        "num_merged": report.num_merged,
        "num_repeated": report.num_repeated,
        "num_overlapping": report.num_overlapping,
        "num_several_references": report.num_several_references,
        "columns": [column.name for column in report.columns],
        "skipped": [problem.line for problem in report.skipped],
    }


def run_facts(plan: RunPlan) -> dict[str, Any]:
    """Say what a session runs on, besides what ``collect_provenance`` finds out.

    Args:
        plan: What was planned.

    Returns:
        JSON-ready facts.
    """
    import torch

    return {
        # An upper bound where a budget or a rule ends training; who watches the run says by it how far it is.
        "num_steps": plan.num_steps,
        "data_sha256": plan.dataset.sha256,
        "columns_sha256": plan.dataset.columns_sha256,
        "device": plan.device,
        "processes": plan.processes.count,
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if plan.device == "cuda" else None,
    }
