"""The forecast from a run, from stages or from a model: which policy is meant, and which prompts it may be asked."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlsr.config import RunConfig, config_from_table
from rlsr.config.layers import merge, merge_layers
from rlsr.config.load import read_table
from rlsr.data import PromptRecord
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.errors import ConfigError, RunError
from rlsr.evaluation.suites import load_independent
from rlsr.forecast import Calibration, Forecast, forecast_policy
from rlsr.forecast.policy import require_askable
from rlsr.forecast.result import Prompts
from rlsr.models import load_policy
from rlsr.pipeline.plan import RunPlan, plan_run
from rlsr.pipeline.resume import check_same_data
from rlsr.rewards import open_reward
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json
from rlsr.runs.pipeline_directory import PipelineDirectory

Records = Sequence[PromptRecord]


@dataclass(frozen=True)
class ForecastPlan:
    """What a forecast will ask, and of which policy."""

    plan: RunPlan
    """Model, data, reward and lengths, resolved and checked."""
    records: tuple[PromptRecord, ...]
    """The prompts."""
    prompts: Prompts
    """What the policy has seen of them."""
    run: RunDirectory | None
    """The run whose model it is; None where only a model was named."""


def plan_forecast(
    subject: str, data: str | None, files: Sequence[Path] = (), overrides: Sequence[str] = ()
) -> ForecastPlan:
    """Read and check everything that a forecast needs, and write nothing.

    Args:
        subject: The directory of a supervised run or of stages, of which the last supervised one is meant, or a model.
        data: Other data than the run's, read by settings of its own; a model needs it here or among the settings.
        files: Config files, laid over the run's config.
        overrides: Settings, which win over the files.

    Raises:
        RlsrError: There is no such model, the run is not supervised or not complete, data or settings cannot be used, or there
            are too few prompts.
    """
    given = merge_layers([read_table(files, overrides)], [{"data": data}] if data else [])
    run = find_run(Path(subject))
    if run is None:
        return _plan_model(subject, given)
    trained = run.read_config()
    table = trained.model_dump(mode="json")
    if data not in {None, trained.data.path}:
        # How the run's rows are read and split says nothing of others.
        table["data"] = {}
    config = config_from_table(merge(table, given))
    _require_own_settings(run, trained, config)
    plan = plan_run(
        config.model_copy(update={"model": trained.model.saved_in(run.final)}), trains=False
    )
    if config.data != trained.data:
        return _choose(plan, plan.dataset.train, "unknown", run)
    check_same_data(run, plan)
    return plan_after(run, plan)


def plan_after(run: RunDirectory, plan: RunPlan) -> ForecastPlan:
    """Choose the prompts that a supervised run has set aside, or else those that it was trained on.

    Args:
        run: The run.
        plan: Data, reward and lengths, with what the run has left as the model.

    Raises:
        RlsrError: There are too few prompts, or nothing that the reward has not seen.
    """
    is_set_aside = (
        0 < plan.config.validation.num_prompts <= run.read_config().validation.num_prompts
    )
    if is_set_aside:
        return _choose(plan, plan.validation, "set aside", run)
    return _choose(plan, plan.train, "trained on", run)


def find_run(path: Path) -> RunDirectory | None:
    """Find the supervised run that a path stands for.

    Args:
        path: Whatever a user has named.

    Returns:
        The run, or the last supervised one of stages; None where the path is no run and no stages.

    Raises:
        RunError: The run is not supervised, or has no trained model yet.
    """
    if PipelineDirectory.is_one(path):
        pipeline = PipelineDirectory.open(path)
        supervised = [
            run
            for run, config in zip(pipeline.stages, pipeline.staged.configs, strict=True)
            if config.method.learns_from == "references"
        ]
        if not supervised:
            raise RunError(
                f"{path}: a forecast starts from a supervised stage, got {', '.join(pipeline.staged.names)}; name the final/ of "
                "a stage, and the data, to ask its model all the same"
            )
        return _with_model(supervised[-1])
    run = RunDirectory(path)
    # The directory of a model has a config.json, too.
    if "method" not in run.read_settings():
        return None
    method = run.read_config().method
    if method.learns_from != "references":
        raise RunError(
            f"{path}: a forecast starts from a supervised run, got one of method {method.type}; name its final/, and the data, to "
            "ask its model all the same"
        )
    return _with_model(run)


def _with_model(run: RunDirectory) -> RunDirectory:
    if not any((run.final / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise RunError(
            f"{run.path}: a forecast asks the trained model, and there is none in final/ yet; finish the run with `rlsr train "
            "--resume --out DIR`"
        )
    return run


def _plan_model(subject: str, given: dict[str, object]) -> ForecastPlan:
    if "data" not in given:
        raise ConfigError(
            f"{subject}: is no directory of a run, so that it is taken for a model, which needs data to be asked; give it behind "
            "the model, as in `rlsr forecast MODEL my.jsonl`"
        )
    table = merge_layers([given], [{"model": subject}])
    plan = plan_run(config_from_table(table), trains=False)
    return _choose(plan, plan.dataset.train, "unknown", None)


def _require_own_settings(run: RunDirectory, trained: RunConfig, config: RunConfig) -> None:
    """Refuse settings of a run that could let held-out prompts in, or have no effect."""
    if config.data != trained.data and config.data.path == trained.data.path:
        raise ConfigError(
            f"data: the split of {run.path} is the run's own, so that no held-out prompt is asked; leave settings of data out, or "
            "name other data"
        )
    if config.model != trained.model:
        raise ConfigError(
            f"model: the model is that of {run.path}; leave settings of model out, or name a model in its place"
        )


def _choose(
    plan: RunPlan, records: Records, prompts: Prompts, run: RunDirectory | None
) -> ForecastPlan:
    """Draw as many prompts as are wanted."""
    config = plan.config
    drawn = np.random.default_rng(config.seed).permutation(len(records))
    chosen = sorted(drawn[: config.forecast.num_prompts].tolist())
    found = tuple(records[place] for place in chosen)
    require_askable(config, found)
    return ForecastPlan(plan, found, prompts, run)


def forecast_run(
    planned: ForecastPlan, calibration: Calibration, observer: TrainingObserver | None = None
) -> Forecast:
    """Load the policy, ask it, and write what was found beside its run.

    Args:
        planned: What ``plan_forecast`` returned.
        calibration: What RLSR gave where that is known.
        observer: Who watches.

    Returns:
        The forecast; ``forecast.json`` of the run has it, too, in place of an earlier one.

    Raises:
        RlsrError: A part cannot be loaded, or the reward scores too little.
    """
    found = ask(planned, calibration, observer or SilentObserver())
    if planned.run is not None:
        write_json(planned.run.forecast_file, found)
    return found


def ask(planned: ForecastPlan, calibration: Calibration, observer: TrainingObserver) -> Forecast:
    """Load the policy, ask it, and write nothing.

    Args:
        planned: Whom to ask what.
        calibration: What RLSR gave where that is known.
        observer: Who watches.

    Raises:
        RlsrError: A part cannot be loaded, or the reward scores too little.
    """
    plan, run = planned.plan, planned.run
    observer.on_stage("loading policy and encoders")
    with closing(open_reward(plan.config, plan.device)) as reward:
        return forecast_policy(
            plan.config,
            load_policy(plan.config.model, plan.device),
            planned.records,
            reward=reward,
            independent=load_independent(plan.config, plan.device),
            calibration=calibration,
            steps=run.read_metrics() if run is not None else (),
            prompts=planned.prompts,
            observer=observer,
        )
