"""``rlsr forecast`` says in minutes whether RLSR will pay on some data after some SFT."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsr.cli.arguments import CONFIG_AND_SETTINGS, is_config_or_setting, split_arguments
from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rlsr.pipeline.forecast import ForecastPlan


def forecast(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL",
            help="The directory of a supervised run or of stages, or a model: a directory, an id, or builtin:smollm2-135m.",
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=f"[DATA] {CONFIG_AND_SETTINGS}",
            help="Your SFT set, if it is not the run's; config files, and settings such as reward.similarity.variant=cosine.",
        ),
    ] = None,
    prompts: Annotated[
        int | None,
        typer.Option(help="Short for forecast.num_prompts; the time grows with it."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Validation points of your own in place of those that come along."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="File to write what was found to.")] = None,
) -> None:
    """Ask before RLSR whether it will pay on your data after your SFT."""
    require_one_process("rlsr forecast")
    data, files, overrides = _split_data(arguments or [])
    if prompts is not None:
        overrides = [*overrides, f"forecast.num_prompts={prompts}"]
    if json is not None and not json.parent.is_dir():
        raise ConfigError(f"--json: {json.parent} must be a directory that is there; make it first")
    console = open_console()
    from rlsr.cli.forecast_text import show_forecast
    from rlsr.cli.progress import LiveObserver, PlainObserver
    from rlsr.forecast import load_calibration
    from rlsr.pipeline.forecast import forecast_run, plan_forecast
    from rlsr.runs.json_file import write_json

    points = load_calibration(calibration)
    planned = plan_forecast(subject, data, files, overrides)
    console.print(_head(planned), markup=False)
    watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
    with watcher as observer:
        found = forecast_run(planned, points, observer)
    show_forecast(console, found)
    if json is not None:
        write_json(json, found)
    for file in (json, planned.run.forecast_file if planned.run else None):
        if file is not None:
            console.print(f"all numbers: {file}", markup=False)


def _split_data(arguments: list[str]) -> tuple[str | None, list[Path], list[str]]:
    """Take the data, which may stand first, from config files and settings."""
    if arguments and not is_config_or_setting(arguments[0]):
        return arguments[0], *split_arguments(arguments[1:])
    return None, *split_arguments(arguments)


def _head(planned: "ForecastPlan") -> str:
    config = planned.plan.config
    number, samples = len(planned.records), config.forecast.num_generations
    seen = {
        "set aside": "which its SFT has set aside",
        "trained on": "which its SFT was trained on",
        "unknown": "of the training prompts",
    }[planned.prompts]
    return (
        f"{config.model.name}\n{number} prompts of {config.data.path}, {seen}\n"
        f"{samples} samples each and a greedy answer, of at most {config.method.max_response_tokens} tokens, on {planned.plan.device}"
    )
