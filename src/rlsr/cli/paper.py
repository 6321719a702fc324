"""``rlsr paper`` lists the runs of the RLSR paper and writes their configs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError

if TYPE_CHECKING:
    from rlsr.config.run import RunConfig


def paper(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[POLICY DATA ENCODER RECIPE]",
            help="A run, as in qwen-7b infinity sbert sft-rlsr; all are listed if not given.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A file that the run's config is written to; it is shown if not given."),
    ] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Say what a step of the run takes by number of GPUs.")
    ] = False,
) -> None:
    """List the runs of the RLSR paper with an estimate of GPUs, memory and hours, or write the config of one."""
    if scale and not names:
        raise ConfigError("--scale: a run must be named, as in `rlsr paper qwen-32b infinity qwen-embedding rlsr --scale`")  # fmt: skip
    if scale and out is not None:
        raise ConfigError(f"--scale writes no config, got --out {out}; leave one of the two out")
    if not names:
        if out is not None:
            raise ConfigError(f"--out {out}: a run must be named whose config is written, as in `rlsr paper qwen-7b infinity sbert rlsr --out {out}`")  # fmt: skip
        _list()
        return
    from rlsr.paper.presets import preset_named

    preset = preset_named(names)
    if scale:
        _show_scale(preset.names, preset.config().configs[-1])
        return
    text = _config_text(preset.names, preset.table())
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise ConfigError(f"--out {out}: is there already, and nothing is written over; name another")  # fmt: skip
    out.write_text(text, encoding="utf-8")
    open_console().print(
        f"{out}\nto train: rlsr train {out}", markup=False, soft_wrap=True, highlight=False
    )


def _config_text(names: tuple[str, ...], table: dict[str, object]) -> str:
    import yaml

    head = f"# {', '.join(names)}: a run of arXiv 2510.14200, as far as its settings are known (docs/papers.md).\n\n"
    return head + yaml.safe_dump(table, sort_keys=False, allow_unicode=True)


def _list() -> None:
    from rich.table import Table

    from rlsr.paper.estimate import H100, MEAN_PROMPT, MEAN_RESPONSE, estimate
    from rlsr.paper.presets import all_presets

    console = open_console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("policy", "data", "encoder", "recipe"):
        table.add_column(column, no_wrap=True)
    for column in ("GPUs", "GB each", "hours", "GPU-hours"):
        table.add_column(column, justify="right", no_wrap=True)
    for preset in all_presets():
        found = estimate(preset.config())
        table.add_row(
            *preset.names,
            str(found.gpus),
            f"{found.gb_each:.0f}",
            f"{found.hours:.1f}",
            f"{found.gpus * found.hours:.0f}",
        )
    console.print(table)
    console.print(
        f"\nestimates, and not measured: the fewest {H100.name} that suffice, one epoch of 100,000 prompts, {MEAN_PROMPT} tokens of prompt and "
        f"{MEAN_RESPONSE} of response on the mean (src/rlsr/paper/estimate.py has the formulas and their sources)\n"
        "rlsr paper POLICY DATA ENCODER RECIPE writes the config of one",
        markup=False,
        highlight=False,
    )


def _show_scale(names: tuple[str, ...], config: "RunConfig") -> None:
    if config.method.learns_from != "rollouts":
        raise ConfigError(f"--scale: predicts steps with rollouts, and {' '.join(names)} has none; name rlsr or sft-rlsr")  # fmt: skip
    from rich.table import Table

    from rlsr.paper.cluster import Encoder, fewest_gpus, one_step, saturation
    from rlsr.paper.estimate import ENCODER_WEIGHTS, H100, SHAPES

    shape = SHAPES[config.model.name]
    encoder = Encoder(ENCODER_WEIGHTS[config.embedding.model])
    responses = config.training.prompts_per_step * config.method.num_sampled
    sizes = [max(8, fewest_gpus(shape)) * 2**doubled for doubled in range(7)]
    steps = [one_step(shape, encoder, gpus, responses) for gpus in sizes]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("GPUs", "generate", "reward", "update", "step", "busy", "most goes to"):
        table.add_column(column, justify="left" if " " in column else "right", no_wrap=True)
    for gpus, one in zip(sizes, steps, strict=True):
        busy = sizes[0] * steps[0].step / (gpus * one.step)
        numbers = (f"{value:.1f}" for value in (one.generate, one.reward, one.update, one.step))
        table.add_row(str(gpus), *numbers, f"{busy:.0%}", one.longest)
    console = open_console()
    console.print(table)
    full = saturation(sizes, [one.step for one in steps])
    console.print(
        f"\nseconds a step of {responses:,} responses, predicted and not measured, on {H100.name} in machines of eight; busy: responses a second "
        f"and GPU, of those with {sizes[0]}\n"
        + (f"from {full} GPUs on more than half of each is idle\n" if full else "")
        + "docs/scaling.md has the assumptions, and where such predictions were checked",
        markup=False,
        highlight=False,
    )
