"""``rlsr config`` says what settings there are, to people and to editors."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsr.cli.setting_names import complete_key
from rlsr.cli.terminal import open_console

if TYPE_CHECKING:
    from rlsr.config.reference import Setting

app = typer.Typer(help="Look up what may stand in a config.", no_args_is_help=True)


@app.callback()
def _config() -> None:
    """Look up what may stand in a config."""


@app.command(name="explain")
def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            help="A setting such as method.num_generations, or a table such as training; without it the tables are listed.",
            autocompletion=complete_key,
        ),
    ] = None,
) -> None:
    """Say what a setting may be, its default, what it does and where it may stand; of a table, its settings."""
    from rlsr.config.reference import settings_at, settings_below

    console = open_console()
    if key is None:
        _list(console, settings_below(""))
        console.print("\n`rlsr config explain KEY` says more of one, docs/settings.md has all")
        return
    found = settings_at(key)
    for place, setting in enumerate(found):
        console.print("\n" if place else "", end="")
        _show(console, key, setting)
    # Of tables that the user gives names, or puts into a list, what each of them has.
    below = settings_below(key) or settings_below(f"{key}.NAME")
    if below:
        console.print()
        _list(console, below)
    if found[0].key.startswith("reward.members"):
        console.print("\n  `rlsr config explain reward` lists what a reward may be")


def _show(console: Console, key: str, setting: "Setting") -> None:
    where = f"  ({setting.where})" if setting.where else ""
    console.print(Text.assemble((key, "bold"), where))
    for line in (setting.value, setting.meaning, _how_to_write(key, setting)):
        console.print(f"  {line}", markup=False)


def _how_to_write(key: str, setting: "Setting") -> str:
    """Show a setting as the command line and a stage have it."""
    from rlsr.config.stages import FROM_THE_STAGE_BEFORE

    if setting.key == "tracking":
        return f"written as {key}=[tensorboard, wandb], or with settings, as in {key}=[{{type: wandb, KEY: VALUE}}]"
    if setting.key.startswith("tracking."):
        name, one = key.rpartition(".")[2], setting.types.get("tracking.*", ("NAME",))[0]
        return f"written as tracking=[{{type: {one}, {name}: {setting.default or 'VALUE'}}}]"
    if setting.is_table:
        return f"written as {key}: {{...}}, or setting by setting, as in {key}.KEY=VALUE"
    value = setting.default or "VALUE"
    value = f"'{value}'" if " " in value else value
    of_first_stage = {f"model.{name}" for name in FROM_THE_STAGE_BEFORE}
    if key.startswith("stages.") or setting.key in of_first_stage:
        return f"written as {key}={value}"
    return f"written as {key}={value}, for one stage as stages.1.{key}={value}"


def _list(console: Console, settings: "tuple[Setting, ...]") -> None:
    """List settings, a line each: the table has the room of the terminal, and a meaning goes on below itself."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for setting in settings:
        where = f" ({setting.where})" if setting.where else ""
        table.add_row(
            Text(f"  {setting.key.rpartition('.')[2]}", style="bold"),
            Text(f"{setting.meaning}{where}"),
        )
    console.print(table)


@app.command(name="schema")
def schema(
    experiment: Annotated[
        bool, typer.Option("--experiment", help="That of an experiment of rlsr compare.")
    ] = False,
) -> None:
    """Print the JSON schema of a config, by which editors complete and check it."""
    import json

    from rlsr.comparison.schema import experiment_schema
    from rlsr.config.schema import config_schema
    from rlsr.monitors.table import all_monitors

    write = experiment_schema if experiment else config_schema
    print(json.dumps(write(all_monitors()), indent=2))
