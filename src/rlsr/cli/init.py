"""``rlsr init`` writes a first config for somebody's data, with the reason beside each setting."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsr.cli.arguments import model_of, settings_of
from rlsr.cli.setting_names import complete_setting
from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError

if TYPE_CHECKING:
    from rlsr.scaffold.draft import Draft

_TABLES = ("data", "model")
"""What a config is drafted by; everything else is what is drafted."""


def init(
    data: Annotated[
        str,
        typer.Argument(
            help="Your SFT set: a file, a dataset id; builtin:instructions if not given, as a template."
        ),
    ] = "builtin:instructions",
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Settings of data and model, as in data.columns.prompt=question.",
            autocompletion=complete_setting,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The policy: builtin:smollm2-135m, a model id, or a directory with a model or with LoRA adapters."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The file; it is never overwritten.")] = Path(
        "config.yaml"
    ),
) -> None:
    """Write a commented config for your data: lengths, device, recipe, limits and budget, without asking a question."""
    from rlsr.config import load_config

    given = overrides or []
    if "=" in data and not Path(data).exists():
        given, data = [data, *given], "builtin:instructions"
    for setting in given:
        if setting.partition(".")[0].partition("=")[0] not in _TABLES:
            raise ConfigError(
                f"{setting!r}: a config is drafted by settings of data and model, as in data.columns.prompt=question; write others into "
                "the file"
            )
    _require_new(out)
    options = settings_of({"data.path": data, "model": model_of(model)})
    config = load_config(overrides=[*options, *given])
    console = open_console()
    from rlsr.scaffold.draft import draft

    console.print(f"looking at {data} and this machine", markup=False)
    found = draft(config)
    _write(out, found.text)
    _show(console, found, out)


def _require_new(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise ConfigError(
            f"{out}: is there already, and nothing is ever overwritten; name another with --out, or move it away"
        )
    if not out.parent.is_dir():
        raise ConfigError(f"--out: the directory {out.parent} does not exist; make it first")
    if out.suffix not in {".yaml", ".yml"}:
        raise ConfigError(f"--out: a config's name ends in .yaml, got {out.name}")


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror or error}") from error


def _show(console: Console, found: "Draft", out: Path) -> None:
    survey = found.survey
    report, lengths = survey.dataset.report, survey.references
    lines = [
        f"{report.num_rows:,} rows, layout {report.layout}: {report.num_train:,} prompts to train on, {report.num_heldout:,} held out",
        f"references: median {lengths.median:g}, 95th percentile {lengths.p95:g}, longest {lengths.maximum:,} {survey.unit}",
        f"this machine: {survey.machine.in_words}",
    ]
    for line in lines:
        console.print(f"  {line}", markup=False)
    for sentence in found.unsure:
        console.print(f"unsure: {sentence}", markup=False, style="yellow")
    console.print(f"wrote {out}, with the reason beside each setting", markup=False)
    console.print(f"next: {shlex.join(['rlsr', 'train', str(out), '--dry-run'])}", markup=False)
