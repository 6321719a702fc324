"""``rlsr average`` makes one model of the weights of several runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rlsr.cli.terminal import open_console
from rlsr.processes import require_one_process


def average(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Two or more: runs, or stages, of which the last one's model is taken, or directories of models.",
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="The directory that is made.", show_default=False)
    ],
    scale: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            help="How far to go from what the last stage of the runs began with: 1 is their mean, 1.5 half as far again.",
        ),
    ] = 1.0,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge", help="Merge the mean of adapters into their base model, so that it is whole."
        ),
    ] = False,
    dtype: Annotated[
        Literal["bfloat16", "float16", "float32"] | None,
        typer.Option(help="Type of the weights; that of the first model if not given."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace DIR, where it is a mean or an export, and nothing was added to it.",
        ),
    ] = False,
) -> None:
    """Write the mean of the weights of runs that began with the same model, such as the seeds of one recipe."""
    require_one_process("rlsr average")
    from rlsr.export.average import plan_average, write_average

    plan = plan_average(runs, to, merge=merge, dtype=dtype, overwrite=overwrite, scale=scale)
    console = open_console()
    apart = write_average(plan)
    length = "its weights" if plan.form == "whole" else "its change"
    for model, distance in zip(plan.models, apart, strict=True):
        where = (
            "the first one"
            if model == plan.models[0]
            else f"{100 * distance:.2g} % of the length of {length} away"
        )
        console.print(f"  {model}: {where}", markup=False)
    beyond = "" if scale == 1 else f", {scale:g} times as far from what they began with"
    console.print(
        f"mean of {len(plan.models)} models{beyond}: {to}, in {plan.dtype}; is it better? `rlsr evaluate {runs[0]} {to} --suite heldout` says",
        markup=False,
    )
