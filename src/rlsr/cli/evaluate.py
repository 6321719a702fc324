"""``rlsr evaluate`` measures how good a policy is on the held-out prompts, without training it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsr.cli.arguments import (
    CONFIG_AND_SETTINGS,
    DataOption,
    default_directory,
    directory_to_resume,
    model_of,
    run_among,
    settings_of,
    split_arguments,
)
from rlsr.cli.resumable import resumable
from rlsr.cli.setting_names import complete_setting
from rlsr.cli.terminal import open_console
from rlsr.cli.what_next import show_report_command
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rlsr.config import RunConfig


def evaluate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=f"[RUN] {CONFIG_AND_SETTINGS}",
            help="A run, whose model is measured as it was; or a config, RUN/config.json or a file ending in .yaml, of which the training is left out; and settings such as evaluation.batch_size=8.",
            autocompletion=complete_setting,
        ),
    ] = None,
    data: DataOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The policy: a run or its final/ directory, a model id, or builtin:smollm2-135m."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run directory; runs/NAME-evaluation-DATE-TIME if not given."),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=FILE]",
            help="What to evaluate by, as in ifeval=input_data.jsonl; may be given several times. heldout if not given: the held-out prompts.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted evaluation in --out.")
    ] = False,
) -> None:
    """Measure a policy on the held-out prompts without training it."""
    require_one_process("rlsr evaluate")
    from rlsr.runs import RunDirectory

    run, given = run_among(arguments or [])
    files, overrides = split_arguments(given)
    model = run if model is None else model
    suites, files_of_suites = _suites_and_files(suite or [])
    own = settings_of({"data": data, "model": model_of(model)})
    overrides = [*own, *files_of_suites, *overrides]
    config = _choose_config(files, overrides, out, resume=resume)
    path = out or default_directory("runs", files, config.data.path, suffix="-evaluation")
    if not resume:
        RunDirectory.check_free(path)
    console = open_console()
    from rlsr.cli.progress import LiveObserver, PlainObserver
    from rlsr.cli.table import means_table
    from rlsr.pipeline import plan_run
    from rlsr.pipeline.evaluate import evaluate_run

    plan = plan_run(config, trains=False)
    asked = f"{len(plan.dataset.heldout)} held-out prompts of {config.data.path}"
    if suites:
        asked = f"the suite{'s' if len(suites) > 1 else ''} {', '.join(suites)}"
    console.print(f"{config.model.name} on {asked}, on {plan.device}", markup=False)
    watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
    with resumable(console, "evaluate", path), watcher as observer:
        summary = evaluate_run(plan, path, suites, resume=resume, observer=observer)
    for found in summary.suites:
        console.print()
        console.print(means_table(found, config.evaluation))
        console.print(f"{found.title} responses: {found.file}", markup=False)
    show_report_command(console, path)


def _suites_and_files(given: list[str]) -> tuple[list[str], list[str]]:
    """Take names of suites, and settings of those that have a file behind them."""
    pairs = [one.partition("=") for one in given]
    files = {f"evaluation.suites.{name}.path": file for name, sign, file in pairs if sign}
    return [name for name, *_ in pairs], settings_of(files)


def _choose_config(
    files: list[Path], overrides: list[str], out: Path | None, *, resume: bool
) -> "RunConfig":
    """Load the config; a resumed evaluation without one takes its own."""
    from rlsr.config import load_config
    from rlsr.config.larger_budget import sets_budget, with_budget
    from rlsr.runs import RunDirectory

    interrupted = directory_to_resume(
        files,
        overrides,
        out,
        resume=resume,
        what="evaluation",
        nothing_given="nothing to evaluate: give the config of a run, or --data FILE, and --model DIR for a trained policy",
    )
    if interrupted is not None:
        return RunDirectory.open(interrupted).read_config()
    if resume and out is not None and not files and all(map(sets_budget, overrides)):
        return with_budget(RunDirectory.open(out).read_config(), overrides)
    return load_config(files, overrides)
