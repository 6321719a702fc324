"""All commands, by their names."""

from typing import Annotated

import typer

import rlsr
from rlsr.cli import (
    audit,
    average,
    chat,
    compare,
    config,
    data,
    doctor,
    evaluate,
    export,
    forecast,
    graders,
    init,
    paper,
    report,
    serve_reward,
    track,
    train,
    watch,
)

app = typer.Typer(
    name="rlsr",
    help="Make a model better than SFT would, from the SFT dataset you already have.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="init")(init.init)
app.command(name="audit")(audit.audit)
app.command(name="train")(train.train)
app.command(name="evaluate")(evaluate.evaluate)
app.command(name="forecast")(forecast.forecast)
app.command(name="compare")(compare.compare)
app.command(name="report")(report.report)
app.command(name="watch")(watch.watch)
app.command(name="track")(track.track)
app.command(name="chat")(chat.chat)
app.command(name="average")(average.average)
app.command(name="export")(export.export)
app.command(name="serve-reward")(serve_reward.serve_reward)
app.command(name="paper")(paper.paper)
app.add_typer(data.app, name="data")
app.add_typer(graders.app, name="graders")
app.add_typer(config.app, name="config")
app.command(name="doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"rlsr {rlsr.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Make a model better than SFT would, from the SFT dataset you already have."""
