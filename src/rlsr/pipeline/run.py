"""Evaluate, train, evaluate again: one run, in one directory."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsr.config.preference import DpoMethod
from rlsr.data import PromptRecord
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.engines.stopping import stop_reason
from rlsr.evaluation import Answers, Evaluation
from rlsr.models import Policy, load_policy
from rlsr.monitors import findings
from rlsr.pipeline.heldout import make_evaluation
from rlsr.pipeline.model_card import write_model_card
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.preferences import make_pairs
from rlsr.pipeline.resume import open_for_resume, step_shape
from rlsr.pipeline.summary import RunSummary, manifest, run_facts
from rlsr.pipeline.validation import mean_reward, set_aside
from rlsr.rewards import Reward, open_reward
from rlsr.runs import RunDirectory, collect_provenance
from rlsr.runs.followed import FollowedRun
from rlsr.runs.log import log_to


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
        path: The run directory: new, or begun before when resuming; the same in all processes that train together.
        resume: Whether to go on with a run that was interrupted.
        observer: Who watches.

    Returns:
        What was done; the same facts are in ``manifest.json``.

    Raises:
        RlsrError: The run directory is taken, or does not fit the plan, or a part cannot be loaded.
    """
    observer = observer or SilentObserver()
    config, processes = plan.config, plan.processes
    run = open_for_resume(path, plan) if resume else None
    if run is None:
        RunDirectory.check_free(path)
    # Loaded before the directory is made, so that a missing package or a wrong name leaves nothing behind.
    observer.on_stage("loading policy and encoders")
    policy = load_policy(config.model, plan.device)
    reward = open_reward(config, plan.device)
    evaluation = make_evaluation(plan, reward)
    run = _for_this_process(run, path, plan)
    shape = processes.from_main(step_shape(run, plan))
    run.write_provenance(collect_provenance({**run_facts(plan), **asdict(shape)}))
    seconds: dict[str, float] = {}
    with closing(reward), log_to(run.log_file):
        before = _evaluate(plan, evaluation, policy, run, "before", observer, seconds, reuse=resume)
        # Late: TRL takes seconds to import, and nothing before this needs it.
        from rlsr.engines.trl.train import TrainingJob, train

        data = _training_data(plan, policy, reward, run, observer, seconds)
        observer.on_stage("training")
        started = time.perf_counter()
        job = TrainingJob(
            config=config,
            policy=policy,
            records=data.records,
            reward=reward,
            run=run,
            device=plan.device,
            num_steps=plan.num_steps,
            tokens_per_pass=shape.tokens_per_pass,
            rows_at_a_time=shape.rows_at_a_time,
            processes=processes,
            measure_heldout=data.measure_heldout,
        )
        trained = train(job, resume=resume, observer=observer)
        seconds["training"] = time.perf_counter() - started
        after = _evaluate(plan, evaluation, trained, run, "after", observer, seconds, reuse=False)
    changes = evaluation.compare(before, after) if evaluation and before and after else []
    metrics = run.read_metrics()
    summary = RunSummary(
        path,
        tuple(changes),
        seconds,
        num_steps=len(metrics),
        stopped=stop_reason(metrics, config) if len(metrics) < plan.num_steps else None,
        warnings=(*data.warnings, *findings(metrics)),
    )
    if processes.is_main:
        write_model_card(run.final, config, changes, summary.num_steps)
        run.write_manifest(manifest(plan, summary, metrics, os.path.relpath(run.final, path)))
    processes.wait()
    return summary


def _for_this_process(run: RunDirectory | None, path: Path, plan: RunPlan) -> RunDirectory:
    """Make the directory of a new run, in one process; the others only read it."""
    processes = plan.processes
    # All have found the place free.
    processes.wait()
    if processes.is_main:
        run = RunDirectory.create(path, plan.config) if run is None else run
    processes.wait()
    if processes.is_main:
        assert run is not None, "opened or made"
        return run
    return FollowedRun(path, processes.index)


@dataclass(frozen=True)
class _TrainingData:
    """What training reads."""

    records: Sequence[PromptRecord]
    measure_heldout: Callable[[Any], float] | None = None
    warnings: tuple[str, ...] = ()


def _training_data(
    plan: RunPlan,
    policy: Policy,
    reward: Reward,
    run: RunDirectory,
    observer: TrainingObserver,
    seconds: dict[str, float],
) -> _TrainingData:
    """Give the training prompts what the method wants: prompts set aside to stop by, or worse answers."""
    config, records = plan.config, plan.dataset.train
    rule = config.pipeline.sft_stop.heldout_reward
    if rule is not None and config.method.is_supervised:
        kept, validation = set_aside(records, rule.num_prompts, seed=config.data.seed)
        return _TrainingData(kept, mean_reward(policy, validation, reward, config))
    if not isinstance(config.method, DpoMethod):
        return _TrainingData(records)
    observer.on_stage("pairing references with worse answers")
    started = time.perf_counter()
    pairs = make_pairs(
        config,
        records,
        policy=policy,
        reward=reward,
        run=run,
        processes=plan.processes,
        on_progress=observer.on_progress,
    )
    seconds["pairs"] = time.perf_counter() - started
    return _TrainingData(pairs.records, warnings=pairs.warnings)


def _evaluate(  # noqa: PLR0913 - what is measured, where to, and who watches
    plan: RunPlan,
    evaluation: Evaluation | None,
    policy: Policy,
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
    scored = evaluation.run(policy, observer.on_progress)
    seconds[f"evaluation_{when}"] = time.perf_counter() - started
    run.write_evaluation(when, evaluation.rows(scored))
    return scored
