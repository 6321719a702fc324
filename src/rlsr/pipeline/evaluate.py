"""Evaluate a policy as it is: the held-out measurement of a run, without training, and further suites."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlsr
from rlsr.config import RunConfig
from rlsr.data import PromptRecord
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.evaluation import Evaluation, MetricMean
from rlsr.evaluation.kept import FILE, KeptEvaluation, KeptSuite, now, write_kept
from rlsr.evaluation.kept_responses import CACHE, KeptResponses
from rlsr.evaluation.suites import (
    HELDOUT,
    load_suites,
    open_suite,
    require_suite_settings,
)
from rlsr.models import Policy
from rlsr.models.forms import form_of
from rlsr.pipeline.beginnings import FACT, Identities, same_beginnings
from rlsr.pipeline.heldout import evaluation_of_pairs, require_answerable
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.resume import open_for_resume
from rlsr.pipeline.summary import data_facts, run_facts
from rlsr.remote.spending import spending_in
from rlsr.runs import RunDirectory, collect_provenance
from rlsr.runs.cache import cache_directory
from rlsr.runs.log import log_to
from rlsr.runs.owner import owned

_SUITES = "suites"


@dataclass(frozen=True)
class SuiteSummary:
    """What an evaluation has found by one suite."""

    name: str
    """Of the suite."""
    file: Path
    """The answers with their scores."""
    num_prompts: int
    """Prompts that were answered."""
    metrics: tuple[MetricMean, ...]
    """In the order of the suite."""
    seconds: float
    """Wall-clock of answers and scores; near 0 where they were there already."""
    kept: KeptSuite
    """The score of every prompt, and which prompts stand in the training rows."""
    num_known: int = 0
    """Responses that the same weights had given before."""
    answers_in_words: str | None = None
    """How its answers came about, where not as ``evaluation.temperature`` says."""
    remarks: tuple[str, ...] = ()
    """What else people should read beside the numbers."""

    @property
    def title(self) -> str:
        """What its prompts are called where people read it."""
        return "held-out" if self.name == HELDOUT else self.name


@dataclass(frozen=True)
class EvaluationSummary:
    """What an evaluation has found."""

    path: Path
    """The run directory."""
    suites: tuple[SuiteSummary, ...]
    """In the order in which they were asked for."""
    kept: KeptEvaluation
    """All of it, as ``evaluation.json`` has it."""


def evaluate_run(
    plan: RunPlan,
    path: Path,
    suites: Sequence[str] = (),
    *,
    resume: bool = False,
    observer: TrainingObserver | None = None,
) -> EvaluationSummary:
    """Let a policy answer the prompts of suites, score the answers, and write down all of it.

    Args:
        plan: What ``plan_run`` returned.
        path: The run directory: new, or begun before when resuming. It gets a file of answers a suite and a manifest of no
            steps.
        suites: Names of the suites; none are those of the interrupted evaluation, or ``heldout``.
        resume: Whether to go on with an evaluation that was interrupted.
        observer: Who watches.

    Returns:
        The means with their intervals.

    Raises:
        RlsrError: There is no such suite, nothing is held out, the directory is taken or does not fit the plan, or a part
            cannot be loaded.
    """
    with owned(path):
        return _evaluate_by(
            suites, plan, path, resume=resume, observer=observer or SilentObserver()
        )


def _evaluate_by(
    suites: Sequence[str], plan: RunPlan, path: Path, *, resume: bool, observer: TrainingObserver
) -> EvaluationSummary:
    config = plan.config
    run = open_for_resume(path, plan) if resume else None
    if run is None:
        RunDirectory.check_free(path)
    begun_with = same_beginnings(run, plan)
    names = suites or _interrupted_suites(run) or [HELDOUT]
    require_answerable(plan, names)
    require_suite_settings(config)
    openers = load_suites(names)
    # Loaded before the directory is made, so that a missing package or a wrong name leaves nothing behind.
    observer.on_stage("loading policy and encoders")
    with ExitStack() as opened:
        evaluations: dict[str, Evaluation] = {}
        for name, opener in openers.items():
            if config.method.makes == "scorer":
                evaluations[name] = evaluation_of_pairs(plan, plan.dataset.heldout)
                continue
            suite = open_suite(name, opener, config, plan.dataset, plan.device)
            opened.enter_context(closing(suite))
            evaluations[name] = Evaluation(suite, config, plan.processes, name)
        policy = form_of(config.method).load(config.model, plan.device)
        kept = _kept_responses(plan, policy, begun_with[FACT])
        if run is None:
            run = RunDirectory.create(path, config)
        run.write_provenance(
            collect_provenance({**run_facts(plan), _SUITES: list(openers), **begun_with})
        )
        with log_to(run.log_file), spending_in(run.path):
            found = tuple(
                _evaluate(name, evaluation, policy, run, observer, plan.dataset.train, kept)
                for name, evaluation in evaluations.items()
            )
    summary = EvaluationSummary(path, found, _kept(config, found))
    write_kept(path / FILE, summary.kept)
    run.write_manifest(_manifest(plan, summary))
    return summary


def _kept(config: RunConfig, suites: Sequence[SuiteSummary]) -> KeptEvaluation:
    return KeptEvaluation(
        rlsr=rlsr.__version__,
        created=now(),
        model=config.model.name,
        data=config.data.path,
        answers=config.evaluation.answers_in_words,
        confidence=config.evaluation.confidence,
        num_resamples=config.evaluation.num_resamples,
        suites={suite.name: suite.kept for suite in suites},
    )


def _interrupted_suites(run: RunDirectory | None) -> list[str]:
    sessions = run.read_sessions() if run is not None else []
    return list(sessions[-1].get(_SUITES, ())) if sessions else []


def _kept_responses(plan: RunPlan, policy: Policy, identities: Identities) -> KeptResponses | None:
    """Open what the same weights have answered before; nothing says which weights a model of the hub without a commit has."""
    weights = identities.get("model.name")
    writes = plan.config.method.makes == "policy"
    if not writes or not plan.config.evaluation.keep_responses or not weights:
        return None
    return KeptResponses(cache_directory(CACHE), weights, policy)


def _evaluate(
    name: str,
    evaluation: Evaluation,
    policy: Policy,
    run: RunDirectory,
    observer: TrainingObserver,
    train: Sequence[PromptRecord],
    kept: KeptResponses | None,
) -> SuiteSummary:
    """Evaluate a policy by a suite, unless an interrupted evaluation has its answers already."""
    started = time.perf_counter()
    # As the last measurement of a trained run.
    when = "after" if name == HELDOUT else name
    known_before = kept.num_found if kept else 0
    rows = run.read_evaluation(when)
    if rows is None:
        observer.on_stage("evaluating" if name == HELDOUT else f"evaluating by {name}")
        answers = evaluation.run(policy, observer.on_progress, run.evaluation, kept)
        run.write_evaluation(when, evaluation.rows(answers))
    else:
        answers = evaluation.from_rows(rows)
    return SuiteSummary(
        name,
        run.evaluation_file(when),
        len(answers.responses),
        tuple(evaluation.means(answers)),
        time.perf_counter() - started,
        evaluation.keep(answers, train),
        kept.num_found - known_before if kept else 0,
        evaluation.answers_in_words,
        evaluation.remarks(answers),
    )


def _manifest(plan: RunPlan, summary: EvaluationSummary) -> dict[str, Any]:
    """Say what a trained run's manifest says; nothing was trained."""
    tables = {
        suite.name: {
            "num_prompts": suite.num_prompts,
            "metrics": suite.metrics,
            **({"remarks": suite.remarks} if suite.remarks else {}),
        }
        for suite in summary.suites
    }
    heldout: Mapping[str, Any] = tables.pop(HELDOUT, {})
    return {
        "num_steps": 0,
        "stopped": None,
        "best_step": None,
        "validation": None,
        "tokens_trained": 0,
        "training_seconds": 0.0,
        "method": None,
        "model": plan.config.model.name,
        "data": {
            **data_facts(plan.dataset.report),
            "overlap": {suite.name: suite.kept.overlap for suite in summary.suites},
        },
        "seconds": {
            f"evaluation_{'after' if suite.name == HELDOUT else suite.name}": suite.seconds
            for suite in summary.suites
        },
        "peak_memory_gb": None,
        "heldout": heldout.get("metrics", []),
        **({"suites": tables} if tables else {}),
        "monitors": [],
        "warnings": list(plan.warnings),
        "final": None,
    }
