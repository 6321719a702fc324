"""``rlsr track`` sends finished or copied runs to trackers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError

if TYPE_CHECKING:
    from rlsr.config import RunConfig
    from rlsr.runs import RunDirectory


def track(
    directory: Annotated[
        Path,
        typer.Argument(help="A run, a pipeline or a comparison.", show_default=False),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[tracking=...]",
            help="Where to, as in tracking=tensorboard or 'tracking=\\[wandb, {type: mlflow, experiment: mine}]'; what the run's own "
            "config says if not given.",
        ),
    ] = None,
) -> None:
    """Send runs to trackers after they were made: what live tracking has not sent, or all of a run that was not tracked."""
    for setting in settings or ():
        if not setting.startswith("tracking="):
            raise ConfigError(
                f"{setting!r}: a run is as it is, and only says where it is sent: tracking=NAME, or tracking=[NAME, {{type: NAME, ...}}]"
            )
    from rlsr.tracking.afterwards import runs_in, send_run
    from rlsr.tracking.table import require_trackers

    console = open_console()
    configs = [(run, _config(run, settings or [])) for run in runs_in(directory)]
    for _, config in configs:
        require_trackers(config)
    for run, config in configs:
        for tracker in config.tracking:
            sent = send_run(run, config, tracker)
            what = f"{sent.num_steps} steps sent: {sent.place}" if sent.is_new else "nothing new"
            console.print(f"{run.path}: {sent.tracker}: {what}", markup=False)


def _config(run: "RunDirectory", settings: list[str]) -> "RunConfig":
    """Read a run's config, with other trackers where some are named."""
    from rlsr.config.larger_budget import with_budget

    config = with_budget(run.read_config(), settings)
    if not config.tracking:
        raise ConfigError(
            f"{run.path}: the run names no tracker; name one, as in `rlsr track DIRECTORY tracking=tensorboard`"
        )
    return config
