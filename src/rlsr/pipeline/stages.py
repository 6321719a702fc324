"""Stages of training, one after another: each is a run of its own and starts from the model that the one before left.

A stage whose manifest exists is skipped, one that was begun is resumed. The answers before a stage are those after the
stage before it; they are not generated again where they were measured in the same way.
"""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from rlsr.config import RunConfig, StagedConfig
from rlsr.config.differences import differing_keys, may_change
from rlsr.config.measurement import measured_alike
from rlsr.config.stages import budget_kind
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.engines.along_the_way import PlaceInPipeline
from rlsr.engines.memory import free_memory
from rlsr.errors import ConfigError, RlsrError, RunError
from rlsr.models import load_model_config
from rlsr.pipeline.plan import RunPlan, estimate_run, plan_run, set_threads
from rlsr.pipeline.run import train_run
from rlsr.pipeline.stage_forecast import asks_forecast, why_left_out
from rlsr.pipeline.stages_summary import StagesSummary, summarise_stages
from rlsr.processes import ALONE, Processes
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json
from rlsr.runs.owner import owned
from rlsr.runs.pipeline_directory import PipelineDirectory, check_free
from rlsr.runs.step_totals import Spent

_ARCHITECTURE = (
    "model_type",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
)
"""What a stage never changes of a model."""


def plan_stages(
    staged: StagedConfig, path: Path | None = None, *, resume: bool = False
) -> dict[str, RunPlan]:
    """Read and check everything that the stages need, and write nothing.

    The model of a later stage does not exist yet; that of the first one stands in for it, which is as long and wide.

    Args:
        staged: The config of every stage.
        path: The pipeline's directory; None for a look at stages that have no place yet.
        resume: Whether the stages were begun before.

    Returns:
        The plan of every stage that is not complete, by name.

    Raises:
        RlsrError: The data, the model or a combination of settings cannot be used, or the directory does not fit. The message
            names the stage where it is one of them.
    """
    complete: set[str] = set()
    if path is not None:
        if resume:
            pipeline = _open_for_resume(path, staged)
            complete = {run.path.name for run in pipeline.stages if run.is_complete}
        else:
            check_free(path)
    return {
        name: _plan(name, config)
        for name, config in zip(staged.names, staged.configs, strict=True)
        if name not in complete
    }


def train_stages(
    staged: StagedConfig,
    path: Path,
    *,
    resume: bool = False,
    observer: TrainingObserver | None = None,
    plans: Mapping[str, RunPlan] | None = None,
) -> StagesSummary:
    """Train stage after stage.

    Args:
        staged: The config of every stage.
        path: The pipeline's directory: new, or begun before when resuming.
        resume: Whether to go on with stages that were interrupted.
        observer: Who watches.
        plans: What ``plan_stages`` returned for these very arguments; None plans now.

    Raises:
        RlsrError: The directory is taken, or does not fit the config, or a part cannot be loaded.
    """
    plans = plan_stages(staged, path, resume=resume) if plans is None else plans
    processes = next((plan.processes for plan in plans.values()), ALONE)
    # Of several processes one writes.
    with owned(path) if processes.is_main else nullcontext():
        return _train_stages(staged, path, resume, observer or SilentObserver(), plans, processes)


def _train_stages(  # as train_stages, with everything planned
    staged: StagedConfig,
    path: Path,
    resume: bool,
    observer: TrainingObserver,
    plans: Mapping[str, RunPlan],
    processes: Processes,
) -> StagesSummary:
    started = time.perf_counter()
    pipeline = _open_together(path, staged, processes, resume=resume)
    skipped = []
    try:
        for place, (name, run) in enumerate(zip(staged.names, pipeline.stages, strict=True)):
            watcher = _StageObserver(observer, _label(staged, place))
            if name not in plans:
                skipped.append(name)
                watcher.on_stage("complete already, skipped")
                continue
            before = pipeline.stages[place - 1] if place else None
            among = _place_of(place, pipeline, staged, plans)
            _train_stage(staged.configs[place], run, before, plans[name], watcher, among)
    except RlsrError:
        if processes.is_main:
            pipeline.discard_if_unused()
        raise
    seconds = time.perf_counter() - started
    return summarise_stages(pipeline, skipped=tuple(skipped), seconds=seconds)


def _open_together(
    path: Path, staged: StagedConfig, processes: Processes, *, resume: bool
) -> PipelineDirectory:
    """Open or make the directory; of several processes one makes it."""
    if resume:
        pipeline = _open_for_resume(path, staged)
        if processes.is_main and pipeline.staged != staged:
            # They were given another budget at a server, which the next session shall find.
            pipeline.write_settings(staged)
        return pipeline
    if processes.is_main:
        PipelineDirectory.create(path, staged)
    processes.wait()
    return PipelineDirectory.open(path)


def _train_stage(
    config: RunConfig,
    run: RunDirectory,
    before: RunDirectory | None,
    plan: RunPlan,
    observer: TrainingObserver,
    place: PlaceInPipeline,
) -> None:
    processes = plan.processes
    has_begun = processes.from_main((run.path / "config.json").is_file())
    # Planning the other stages has set theirs.
    set_threads(config.threads)
    if before is not None:
        free_memory()
        _require_same_architecture(config, before)
        observer.on_stage("reading what the stage before left")
        plan = _plan(run.path.name, _starting_from(before, config))
        if processes.is_main and has_begun:
            _follow_move(run, plan.config)
        elif processes.is_main:
            RunDirectory.create(run.path, plan.config)
            _carry_answers_over(before, run, plan)
        processes.wait()
        has_begun = True
    left_out = None
    if before is not None and asks_forecast(plan.config, before.read_config()):
        left_out = why_left_out(plan, run, before, observer)
    _say_if_too_late(plan, place, observer)
    train_run(plan, run.path, resume=has_begun, observer=observer, place=place, left_out=left_out)


def _say_if_too_late(plan: RunPlan, place: PlaceInPipeline, observer: TrainingObserver) -> None:
    """Say before a stage begins that what the earlier ones have left may not be enough for one step."""
    budget = plan.config.pipeline.max_seconds
    if budget is None or place.earlier.seconds >= budget:
        return
    left, step = budget - place.earlier.seconds, estimate_run(plan).step_seconds
    if left < step:
        observer.on_stage(
            f"{left:.1f} s are left of pipeline.max_seconds, and a step takes about {step:.1f} s: it takes one step and goes over"
        )


def _place_of(
    place: int, pipeline: PipelineDirectory, staged: StagedConfig, plans: Mapping[str, RunPlan]
) -> PlaceInPipeline:
    """Say what the stages before have taken, and which part of all budgets is this one's."""
    processes = plans[staged.names[place]].processes
    rows = [row for run in pipeline.stages[:place] for row in run.read_metrics()]
    amounts = [
        _amount(plans[name].config if name in plans else run.read_config())
        for name, run in zip(staged.names, pipeline.stages, strict=True)
    ]
    # Another process may see a shared directory later.
    return processes.from_main(
        PlaceInPipeline(
            earlier=Spent.of(rows),
            begins=sum(amounts[:place]) / sum(amounts),
            ends=sum(amounts[: place + 1]) / sum(amounts),
        )
    )


def _amount(config: RunConfig) -> float:
    """Take the budget of one stage, of the resolved config."""
    training = config.training
    limits = {
        "seconds": training.max_seconds,
        "tokens": training.max_tokens,
        "steps": training.steps,
    }
    # With one budget for all stages nobody asks for their parts.
    return limits[budget_kind(config)] or 1.0


def _plan(name: str, config: RunConfig) -> RunPlan:
    try:
        return plan_run(config)
    except ConfigError as error:
        raise ConfigError(f"stage {name}: {error}") from error


def _starting_from(before: RunDirectory, config: RunConfig) -> RunConfig:
    """Put the model of the stage before in."""
    return config.model_copy(update={"model": config.model.saved_in(before.final)})


def _open_for_resume(path: Path, staged: StagedConfig) -> PipelineDirectory:
    pipeline = PipelineDirectory.open(path)
    if pipeline.is_complete:
        raise RunError(f"{path}: all stages are complete; there is nothing to resume")
    if pipeline.staged.names != staged.names:
        raise ConfigError(
            f"{path}: stages that are resumed must stay as they were, {', '.join(pipeline.staged.names)}, got "
            f"{', '.join(staged.names)}; `rlsr train --resume --out DIR` alone takes their own config"
        )
    differing = [
        f"stages.{place}.{key}"
        for place, (old, new) in enumerate(
            zip(pipeline.staged.configs, staged.configs, strict=True)
        )
        for key in differing_keys(old.model_dump(mode="json"), new.model_dump(mode="json"))
        if not may_change(key)
    ]
    if differing:
        raise ConfigError(
            f"{path}: stages that are resumed must keep their config, but these settings differ: {', '.join(differing)}; "
            "leave them out (`rlsr train --resume --out DIR` alone takes their own), or start new stages"
        )
    return pipeline


def _require_same_architecture(config: RunConfig, before: RunDirectory) -> None:
    """Refuse a model that cannot be what the stage before has trained."""
    way_out = f"put back what {before.path.name} left there, or start new stages"
    if not any((before.final / file).is_file() for file in ("config.json", "adapter_config.json")):
        raise RunError(
            f"{before.final}: the next stage starts from this model, and it is not there; {way_out}"
        )
    found = load_model_config(_starting_from(before, config).model).get_text_config()
    expected = load_model_config(config.model).get_text_config()
    for name in _ARCHITECTURE:
        have, want = getattr(found, name, None), getattr(expected, name, None)
        if have != want:
            raise RunError(
                f"{before.final}: the next stage starts from this model, which must be {config.model.name} trained on, but "
                f"its {name} is {have} and not {want}; {way_out}"
            )


def _follow_move(run: RunDirectory, config: RunConfig) -> None:
    """Let a stage find the model of the stage before where the whole directory was moved to."""
    old = run.read_config()
    differing = differing_keys(old.model_dump(), config.model_dump())
    if [key for key in differing if not may_change(key)] == ["model.name"]:
        write_json(run.path / "config.json", config.model_dump(mode="json"))


def _carry_answers_over(before: RunDirectory, run: RunDirectory, plan: RunPlan) -> None:
    """Take the answers after a stage for those before the next, where they would be the same."""
    rows = before.read_evaluation("after")
    same_data = before.read_sessions()[0]["data_sha256"] == plan.dataset.sha256
    if rows and same_data and measured_alike(before.read_config(), plan.config):
        run.write_evaluation("before", rows)


def _label(staged: StagedConfig, place: int) -> str:
    return f"stage {place + 1} of {len(staged.names)}: {staged.configs[place].method.type}"


class _StageObserver:
    """Says which stage of the training it is.

    Args:
        observer: Who watches.
        label: The stage, in words.
    """

    def __init__(self, observer: TrainingObserver, label: str) -> None:
        self._label = label
        self._observer = observer
        self.on_progress = observer.on_progress
        self.on_step = observer.on_step
        self.on_finding = observer.on_finding

    def on_stage(self, name: str) -> None:
        """Pass on what begins, with the stage.

        Args:
            name: In words.
        """
        self._observer.on_stage(f"{self._label}: {name}")
