"""Between the stages of a pipeline: will a stage with rollouts pay after the supervised one before it?"""

from rlsr.config import RunConfig
from rlsr.engines import TrainingObserver
from rlsr.errors import ConfigError, DataError, RunError
from rlsr.forecast import Forecast, load_calibration
from rlsr.pipeline.forecast import ask, plan_after
from rlsr.pipeline.plan import RunPlan
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.typed_json import from_table


def asks_forecast(config: RunConfig, before: RunConfig | None) -> bool:
    """Say whether a stage asks for a forecast before it begins.

    Args:
        config: Of the stage.
        before: Of the stage before it; None for the first.
    """
    return (
        config.pipeline.forecast
        and config.method.num_sampled > 0
        and before is not None
        and before.method.learns_from == "references"
    )


def why_left_out(
    plan: RunPlan, run: RunDirectory, before: RunDirectory, observer: TrainingObserver
) -> str | None:
    """Forecast what a stage with rollouts will give, and keep what was found in its ``forecast.json``.

    A stage that was interrupted goes on by what was found then.

    Args:
        plan: Of the stage, whose model is what the stage before has left.
        run: The stage's directory.
        before: That of the stage before.
        observer: Who watches.

    Returns:
        Why the stage is left out, in words; None where it pays, or nobody can say.

    Raises:
        RlsrError: A part cannot be loaded, the reward scores too little, or what was found earlier is damaged.
    """
    processes = plan.processes
    # One asks, and the others wait.
    found = processes.from_main(
        _forecast(plan, run, before, observer) if processes.is_main else None
    )
    if found is None:
        return None
    judgement = found.judgement
    observer.on_stage(f"forecast: it {judgement.verdict}: {judgement.reason}")
    if judgement.verdict != "does not pay":
        return None
    return f"pipeline.forecast: it does not pay, since {judgement.reason}"


def _forecast(
    plan: RunPlan, run: RunDirectory, before: RunDirectory, observer: TrainingObserver
) -> Forecast | None:
    if run.forecast_file.is_file():
        try:
            return from_table(Forecast, read_json(run.forecast_file))
        except ValueError as error:
            raise RunError(
                f"{run.forecast_file}: damaged: {error}; delete it, and the stage asks again"
            ) from error
    if run.read_metrics():
        return None
    try:
        planned = plan_after(before, plan)
    except (ConfigError, DataError) as error:
        observer.on_stage(f"no forecast: {error}")
        return None
    found = ask(planned, load_calibration(), observer)
    write_json(run.forecast_file, found)
    return found
