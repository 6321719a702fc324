"""Evaluate, train, evaluate again: one run, in one directory."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsr.config.preference import DpoMethod
from rlsr.data import PromptRecord
from rlsr.embeddings import ReferenceCache, load_embedder, load_named_embedder
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.engines.stopping import stop_reason
from rlsr.errors import ConfigError, RunError
from rlsr.evaluation import HeldoutEvaluation, HeldoutScores
from rlsr.models import Policy, load_policy
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.preferences import make_pairs
from rlsr.pipeline.summary import RunSummary, manifest, run_warnings
from rlsr.pipeline.validation import mean_reward, set_aside
from rlsr.report import write_model_card
from rlsr.rewards import Reward, make_reward
from rlsr.runs import RunDirectory, cache_directory, collect_provenance
from rlsr.runs.directory import write_json_lines
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
    run = _open_for_resume(path, plan) if resume else None
    if run is None:
        RunDirectory.check_free(path)
    # Loaded before the directory is made, so that a missing package or a wrong name leaves nothing behind.
    observer.on_stage("loading policy and encoders")
    policy = load_policy(config.model, plan.device)
    embedder = load_embedder(config.embedding, plan.device)
    references = ReferenceCache(embedder, cache_directory("embeddings"))
    reward = make_reward(config.reward, embedder, references)
    evaluation = _make_evaluation(plan, reward)
    if run is None:
        run = RunDirectory.create(path, config)
    shape = _step_shape(run, plan)
    run.write_provenance(collect_provenance({**_facts(plan), **asdict(shape)}))
    seconds: dict[str, float] = {}
    with log_to(run.log_file):
        before = _evaluate(evaluation, policy, run, "before", observer, seconds, reuse=resume)
        # Late: TRL takes seconds to import, and nothing before this needs it.
        from rlsr.engines.trl.train import TrainingJob, train

        records: Sequence[PromptRecord] = plan.dataset.train
        measure = None
        rule = config.pipeline.sft_stop.heldout_reward
        if rule is not None and config.method.is_supervised:
            records, validation = set_aside(records, rule.num_prompts, seed=config.data.seed)
            measure = mean_reward(policy, validation, reward, config)
        left_out: tuple[str, ...] = ()
        if isinstance(config.method, DpoMethod):
            observer.on_stage("pairing references with worse answers")
            begun = time.perf_counter()
            pairs = make_pairs(
                config,
                records,
                policy=policy,
                reward=reward,
                run=run,
                on_progress=observer.on_progress,
            )
            records, left_out = pairs.records, pairs.warnings
            seconds["pairs"] = time.perf_counter() - begun
        observer.on_stage("training")
        started = time.perf_counter()
        job = TrainingJob(
            config=config,
            policy=policy,
            records=records,
            reward=reward,
            run=run,
            device=plan.device,
            num_steps=plan.num_steps,
            tokens_per_pass=shape.tokens_per_pass,
            rows_at_a_time=shape.rows_at_a_time,
            measure_heldout=measure,
        )
        trained = train(job, resume=resume, observer=observer)
        seconds["training"] = time.perf_counter() - started
        after = _evaluate(evaluation, trained, run, "after", observer, seconds, reuse=False)
    changes = evaluation.compare(before, after) if evaluation and before and after else []
    metrics = run.read_metrics()
    summary = RunSummary(
        path,
        tuple(changes),
        seconds,
        num_steps=len(metrics),
        stopped=stop_reason(metrics, config) if len(metrics) < plan.num_steps else None,
        warnings=(*left_out, *run_warnings(metrics)),
    )
    write_model_card(run.final, config, changes, summary.num_steps)
    run.write_manifest(manifest(plan, summary, metrics, os.path.relpath(run.final, path)))
    return summary


def _open_for_resume(path: Path, plan: RunPlan) -> RunDirectory:
    run = RunDirectory.open(path)
    if run.is_complete:
        raise RunError(f"{path}: the run is complete; there is nothing to resume")
    differing = _differing_keys(run.read_config().model_dump(), plan.config.model_dump())
    if differing:
        raise ConfigError(
            f"{path}: a resumed run must keep its config, but these settings differ: {', '.join(differing)}; "
            "leave them out (`rlsr train --resume --out DIR` alone takes the run's own), or start a new run"
        )
    _check_same_data(run, plan)
    return run


def _check_same_data(run: RunDirectory, plan: RunPlan) -> None:
    """Refuse to go on with other rows than the run was begun with."""
    sessions = run.read_sessions()
    if sessions and sessions[0]["data_sha256"] != plan.dataset.sha256:
        names = [plan.config.data.path, plan.config.data.heldout_path]
        raise RunError(
            f"{run.path}: {' or '.join(name for name in names if name)} has changed since the run was begun; "
            "put the old data back, or start a new run"
        )


def _differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            keys += _differing_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            keys.append(prefix + key)
    return keys


def _make_evaluation(plan: RunPlan, reward: Reward) -> HeldoutEvaluation | None:
    config = plan.config
    if not config.evaluation.enabled or not plan.dataset.heldout:
        return None
    independent = config.evaluation.independent_embedding
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    return HeldoutEvaluation(
        plan.dataset.heldout,
        reward=reward,
        independent=None if independent is None else load_named_embedder(independent, plan.device),
        config=config.evaluation,
        reward_config=config.reward,
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


@dataclass(frozen=True)
class _StepShape:
    """How a step is cut to fit into memory."""

    tokens_per_pass: int
    rows_at_a_time: int | None


def _step_shape(run: RunDirectory, plan: RunPlan) -> _StepShape:
    """Cut steps as the first session of the run did, where that still fits.

    Another cut of the update gives the same numbers but for rounding, and other draws where rollouts are cut; a resumed
    run shall repeat them to the bit.
    """
    now = _StepShape(plan.memory.tokens_per_pass, plan.memory.rows_at_a_time)
    sessions = run.read_sessions()
    if not sessions or "tokens_per_pass" not in sessions[0]:
        return now
    first = _StepShape(**{name: sessions[0][name] for name in asdict(now)})
    fits = not plan.memory.notices or first.tokens_per_pass <= now.tokens_per_pass
    return first if fits else now


def _facts(plan: RunPlan) -> dict[str, Any]:
    import torch

    return {
        "data_sha256": plan.dataset.sha256,
        "device": plan.device,
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if plan.device == "cuda" else None,
    }
