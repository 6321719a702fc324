"""Evaluate, train, evaluate again: one run, in one directory."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.engines.along_the_way import WITHOUT_STAGES, PlaceInPipeline
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import StepCut
from rlsr.engines.stopping import pipeline_used_up, stop_reason, too_small_a_budget
from rlsr.engines.table import engine_of
from rlsr.evaluation import Answers, Evaluation
from rlsr.models import Policy, load_policy
from rlsr.models.forms import form_of
from rlsr.monitors import findings
from rlsr.monitors.watch import episodes
from rlsr.pipeline.beginnings import same_beginnings
from rlsr.pipeline.measuring import Measuring
from rlsr.pipeline.model_card import write_model_card
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.preferences import make_pairs
from rlsr.pipeline.resume import open_for_resume, step_cut, threads_of_decoding
from rlsr.pipeline.summary import RunSummary, kept_weights, manifest, run_facts
from rlsr.remote.spending import spending_in
from rlsr.rewards import Reward, open_reward
from rlsr.runs import RunDirectory, collect_provenance
from rlsr.runs.followed import FollowedRun
from rlsr.runs.log import log_to
from rlsr.runs.owner import owned
from rlsr.runs.rows import StepRow
from rlsr.runs.step_totals import steps_taken
from rlsr.runs.whole_directory import copy_directory
from rlsr.tracking.live import tracked


def train_run(
    plan: RunPlan,
    path: Path,
    *,
    resume: bool = False,
    observer: TrainingObserver | None = None,
    place: PlaceInPipeline = WITHOUT_STAGES,
    left_out: str | None = None,
) -> RunSummary:
    """Evaluate, train, evaluate again, and write down all of it.

    Args:
        plan: What ``plan_run`` returned.
        path: The run directory: new, or begun before when resuming; the same in all processes that train together, which all
            read the trained model there.
        resume: Whether to go on with a run that was interrupted.
        observer: Who watches.
        place: Of the run among the stages of a pipeline.
        left_out: Why no step is to be taken, in words, so that the model stays that of the stage before; None where it trains.

    Returns:
        What was done; the same facts are in ``manifest.json``.

    Raises:
        RlsrError: The run directory is taken, or does not fit the plan, or a part cannot be loaded.
    """
    # Of several processes one writes.
    with owned(path) if plan.processes.is_main else nullcontext():
        return _train(
            plan, path, resume, observer or SilentObserver(), place=place, left_out=left_out
        )


def _train(
    plan: RunPlan,
    path: Path,
    resume: bool,
    observer: TrainingObserver,
    *,
    place: PlaceInPipeline,
    left_out: str | None,
) -> RunSummary:
    from rlsr.forward.threads import decoding_on

    config, processes = plan.config, plan.processes
    run = open_for_resume(path, plan) if resume else None
    if run is None:
        RunDirectory.check_free(path)
    begun_with = same_beginnings(run, plan)
    # Loaded before the directory is made, so that a missing package or a wrong name leaves nothing behind.
    observer.on_stage("loading policy and encoders")
    reward = open_reward(config, plan.device)
    measuring = Measuring(plan, reward)
    form = form_of(config.method)
    start = cache(partial(form.load, config.model, plan.device))
    if run is None and measuring.evaluation is not None:
        start()
    run = _for_this_process(run, path, plan)
    cut, decoding = _begin_session(run, plan, begun_with)
    seconds: dict[str, float] = {}
    with (
        closing(reward),
        decoding_on(decoding),
        log_to(run.log_file),
        spending_in(run.path) as account,
        tracked(run, config, observer) as watcher,
    ):
        skipped = left_out or pipeline_used_up(config, place.earlier)
        pair_warnings: tuple[str, ...] = ()
        if config.method.learns_from == "pairs" and (skipped is None or plan.measured_pairs):
            writer = (
                start
                if config.method.makes == "policy"
                else partial(load_policy, config.model, plan.device)
            )
            plan, pair_warnings = _with_pairs(plan, writer, reward, run, watcher, seconds)
            if plan.measured_pairs:
                measuring = Measuring(plan, reward)
        evaluation = measuring.evaluation
        before = _evaluate(plan, evaluation, start, run, "before", watcher, seconds, reuse=resume)
        if skipped is None:
            # The engine loads its own: where it trains, nobody else holds a policy.
            start.cache_clear()
            job = TrainingJob(
                config=config,
                records=plan.train,
                reward=reward,
                run=run,
                device=plan.device,
                num_steps=plan.num_steps,
                cut=cut,
                processes=processes,
                validate=measuring.validate(cut.tokens_per_pass),
                answer_heldout=measuring.answer_heldout,
                place=place,
            )
            watcher.on_stage("training")
            started = time.perf_counter()
            final = engine_of(config).train(job, resume=resume, observer=watcher)
            seconds["training"] = time.perf_counter() - started
            trained = partial(form.load, config.model.saved_in(final), plan.device)
            after = _evaluate(
                plan, evaluation, trained, run, "after", watcher, seconds, reuse=False
            )
        else:
            watcher.on_stage(f"no step is taken, and the model stays as it is: {skipped}")
            final, after = run.final, before
            if processes.is_main:
                copy_directory(final, Path(config.model.name))
            if evaluation is not None and after is not None:
                run.write_evaluation("after", evaluation.rows(after))
        changes = evaluation.compare(before, after) if evaluation and before and after else []
        metrics = run.read_metrics()
        num_steps = steps_taken(metrics)
        signs = tuple(episodes(metrics, config))
        summary = RunSummary(
            path,
            tuple(changes),
            seconds,
            num_steps=num_steps,
            stopped=skipped
            or (
                stop_reason(metrics, config, place.earlier) if num_steps < plan.num_steps else None
            ),
            kept=kept_weights(metrics, config, len(plan.validation)),
            warnings=(
                *pair_warnings,
                *too_small_a_budget(metrics, config, place.earlier),
                *(sign.in_words for sign in signs if sign.action != "log"),
                *findings(metrics),
            ),
            signs=signs,
            asked=account.total(),
        )
        if processes.is_main:
            _write_down(plan, summary, run, final, metrics)
    processes.wait()
    return summary


def _write_down(
    plan: RunPlan, summary: RunSummary, run: RunDirectory, final: Path, metrics: list[StepRow]
) -> None:
    """Leave a card beside the model and the manifest, by which the run is complete."""
    if summary.num_steps:
        # A model that stayed as it was has the card of who trained it.
        kept = summary.kept.in_words if summary.kept else None
        write_model_card(final, plan.config, summary.changes, summary.num_steps, kept=kept)
    place = os.path.relpath(final, summary.path)
    run.write_manifest(manifest(plan, summary, metrics, place))
    run.discard_best()


def _begin_session(
    run: RunDirectory, plan: RunPlan, begun_with: Mapping[str, Any]
) -> tuple[StepCut, int]:
    """Decide what must be as in the first session, the cut of a step and the threads of decoding, and write down what this one runs on."""
    processes = plan.processes
    cut, decoding = processes.from_main((step_cut(run, plan), threads_of_decoding(run, plan)))
    kept = {**asdict(cut), "decoding_threads": decoding}
    run.write_provenance(collect_provenance({**run_facts(plan), **kept, **begun_with}))
    return cut, decoding


def _for_this_process(run: RunDirectory | None, path: Path, plan: RunPlan) -> RunDirectory:
    """Make the directory of a new run, in one process; the others only read it."""
    processes = plan.processes
    # All have found the place free.
    processes.wait()
    if processes.is_main and run is None:
        run = RunDirectory.create(path, plan.config)
        if plan.dataset.report.skipped:
            run.write_skipped_rows(map(asdict, plan.dataset.report.skipped))
    processes.wait()
    if processes.is_main:
        assert run is not None, "opened or made"
        return run
    return FollowedRun(path, processes.index)


def _with_pairs(
    plan: RunPlan,
    writer: Callable[[], Policy],
    reward: Reward,
    run: RunDirectory,
    observer: TrainingObserver,
    seconds: dict[str, float],
) -> tuple[RunPlan, tuple[str, ...]]:
    """Give the training prompts worse answers, and the prompts that a scorer is measured on; say what was left out."""
    observer.on_stage("pairing references with worse answers")
    started = time.perf_counter()
    pairs = make_pairs(
        plan.config,
        plan.train,
        policy=writer,
        reward=reward,
        run=run,
        beside=plan.measured_pairs,
        processes=plan.processes,
        on_progress=observer.on_progress,
    )
    seconds["pairs"] = time.perf_counter() - started
    paired = replace(plan, train=pairs.records)
    if plan.measured_pairs:
        validation, heldout = pairs.beside
        dataset = replace(plan.dataset, heldout=heldout)
        paired = replace(paired, validation=validation, dataset=dataset)
    return paired, pairs.warnings


def _evaluate(  # noqa: PLR0913 - what is measured, where to, and who watches
    plan: RunPlan,
    evaluation: Evaluation | None,
    policy: Callable[[], Policy],
    run: RunDirectory,
    when: str,
    observer: TrainingObserver,
    seconds: dict[str, float],
    *,
    reuse: bool,
) -> Answers | None:
    """Evaluate a policy and keep its answers; a resumed run takes the answers that are already there."""
    if evaluation is None:
        return None
    kept = plan.processes.from_main(run.read_evaluation(when) if reuse else None)
    if kept is not None:
        return evaluation.from_rows(kept)
    observer.on_stage(f"evaluating {when} training")
    started = time.perf_counter()
    scored = evaluation.run(policy(), observer.on_progress)
    seconds[f"evaluation_{when}"] = time.perf_counter() - started
    run.write_evaluation(when, evaluation.rows(scored))
    return scored
