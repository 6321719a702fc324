"""Evaluate a policy as it is: the held-out measurement of a run, without training."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.embeddings import ReferenceCache, load_embedder
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation import HeldoutScores
from rlsr.evaluation.shared_metrics import in_reward
from rlsr.models import load_policy
from rlsr.pipeline.heldout import make_evaluation
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.resume import open_for_resume
from rlsr.pipeline.summary import data_facts, run_facts
from rlsr.rewards import load_translator, make_reward
from rlsr.runs import RunDirectory, cache_directory, collect_provenance
from rlsr.runs.log import log_to
from rlsr.statistics import Estimate, bootstrap_mean


@dataclass(frozen=True)
class MetricMean:
    """One metric of a policy."""

    name: str
    """The metric."""
    after: Estimate
    """Its mean over the held-out prompts; the name is that of trained policies, whose last measurement it is."""
    in_reward: bool
    """Whether the reward has it."""


@dataclass(frozen=True)
class EvaluationSummary:
    """What an evaluation has found."""

    path: Path
    """The run directory."""
    metrics: tuple[MetricMean, ...]
    """In the order of the evaluation."""
    seconds: Mapping[str, float]
    """Wall-clock by stage."""


def require_evaluation(plan: RunPlan) -> None:
    """Refuse a plan by which nothing would be measured.

    Args:
        plan: What ``plan_run`` returned.

    Raises:
        ConfigError: The evaluation is switched off.
        DataError: No row is held out.
    """
    if not plan.config.evaluation.enabled:
        raise ConfigError("evaluation.enabled: nothing would be measured, got false; leave it out")
    if not plan.dataset.heldout:
        raise DataError(
            f"{plan.config.data.path}: no row is held out, so that nothing would be measured; set data.heldout, as in "
            "data.heldout=0.1, or name a file with data.heldout_path"
        )


def evaluate_run(
    plan: RunPlan,
    path: Path,
    *,
    resume: bool = False,
    observer: TrainingObserver | None = None,
) -> EvaluationSummary:
    """Let a policy answer the held-out prompts, score the answers, and write down all of it.

    Args:
        plan: What ``plan_run`` returned.
        path: The run directory: new, or begun before when resuming. It gets ``evaluation/after.jsonl`` and a manifest of no
            steps.
        resume: Whether to go on with an evaluation that was interrupted.
        observer: Who watches.

    Returns:
        The means with their intervals.

    Raises:
        RlsrError: Nothing is held out, the directory is taken or does not fit the plan, or a part cannot be loaded.
    """
    observer = observer or SilentObserver()
    require_evaluation(plan)
    config = plan.config
    run = open_for_resume(path, plan) if resume else None
    if run is None:
        RunDirectory.check_free(path)
    # Loaded before the directory is made, so that a missing package or a wrong name leaves nothing behind.
    observer.on_stage("loading policy and encoders")
    policy = load_policy(config.model, plan.device)
    embedder = load_embedder(config.embedding, plan.device)
    references = ReferenceCache(embedder, cache_directory("embeddings"))
    translator = load_translator(config.reward, plan.device)
    reward = make_reward(config.reward, embedder, references, translator)
    evaluation = make_evaluation(plan, reward)
    if run is None:
        run = RunDirectory.create(path, config)
    run.write_provenance(collect_provenance(run_facts(plan)))
    assert evaluation is not None, "what measures nothing is refused above"
    observer.on_stage("evaluating")
    started = time.perf_counter()
    with log_to(run.log_file):
        kept = run.read_evaluation("after") if resume else None
        if kept is None:
            scored = evaluation.run(policy, observer.on_progress)
            run.write_evaluation("after", evaluation.rows(scored))
        else:
            scored = evaluation.from_rows(kept)
    seconds = {"evaluation_after": time.perf_counter() - started}
    summary = EvaluationSummary(path, _means(plan, scored), seconds)
    run.write_manifest(_manifest(plan, summary))
    return summary


def _means(plan: RunPlan, scored: HeldoutScores) -> tuple[MetricMean, ...]:
    settings = plan.config.evaluation
    return tuple(
        MetricMean(
            name=name,
            after=bootstrap_mean(
                values, confidence=settings.confidence, num_resamples=settings.num_resamples
            ),
            in_reward=in_reward(name, plan.config.reward),
        )
        for name, values in scored.scores.items()
    )


def _manifest(plan: RunPlan, summary: EvaluationSummary) -> dict[str, Any]:
    """Say what a trained run's manifest says; nothing was trained."""
    return {
        "num_steps": 0,
        "stopped": None,
        "tokens_trained": 0,
        "training_seconds": 0.0,
        "method": None,
        "model": plan.config.model.name,
        "data": data_facts(plan.dataset.report),
        "seconds": dict(summary.seconds),
        "peak_memory_gb": None,
        "heldout": summary.metrics,
        "warnings": list(plan.warnings),
        "final": None,
    }
