"""``rlsr train`` makes a trained and evaluated model from a config or a data file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsr.cli.arguments import (
    CONFIG_AND_SETTINGS,
    DataOption,
    default_directory,
    directory_to_resume,
    model_of,
    settings_of,
    split_arguments,
)
from rlsr.cli.launch import launch
from rlsr.cli.resumable import resumable
from rlsr.cli.setting_names import complete_setting
from rlsr.cli.terminal import open_console
from rlsr.cli.what_next import show_model_commands, show_report_command
from rlsr.errors import ConfigError, RunError
from rlsr.interruption import number_of
from rlsr.processes import is_main_process, launched_processes

if TYPE_CHECKING:
    from rlsr.config import RunConfig, StagedConfig
    from rlsr.engines import TrainingObserver
    from rlsr.evaluation import MetricChange
    from rlsr.pipeline.stages_summary import StagesSummary
    from rlsr.pipeline.summary import KeptWeights


def train(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=CONFIG_AND_SETTINGS,
            help="Config files, later ones winning, and settings such as method=sft, method=\\[sft,rlsr] or training.steps=40.",
            autocompletion=complete_setting,
        ),
    ] = None,
    data: DataOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The policy: builtin:smollm2-135m, a model id, or a directory with a model or with LoRA adapters."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run directory; runs/NAME-DATE-TIME if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted run in --out.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done and what it costs; train nothing."),
    ] = False,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes that train together on this machine, as one a GPU; over machines, start it with torchrun.",
        ),
    ] = 1,
) -> None:
    """Train a policy and measure it on held-out prompts before and after.

    Without a method it does SFT to its best and then RLSR, the recipe sft+rlsr. A method is rlsr, sgrpo, sft, dft, iw_sft, pear, ift, dpo,
    rank, rlpt or reward_model, or a list of them, each of which starts from the model of the one before.
    """
    from rlsr.runs import RunDirectory
    from rlsr.runs.owner import require_unowned

    files, overrides = split_arguments(arguments or [])
    overrides = [*settings_of({"data": data, "model": model_of(model)}), *overrides]
    staged = _choose_config(files, overrides, out, resume=resume)
    path = out or default_directory("runs", files, staged.configs[0].data.path)
    if not dry_run:
        require_unowned(path)
        if not resume:
            RunDirectory.check_free(path)
    if processes > 1 and not dry_run:
        _launch(processes, path)
        return
    console = open_console(quiet=not is_main_process())
    if staged.is_pipeline:
        _train_stages(console, staged, path, resume=resume, dry_run=dry_run)
    else:
        _train_one(console, staged.configs[0], path, resume=resume, dry_run=dry_run)
    if processes > 1:
        _show_division(console, staged, processes)


def _show_division(console: Console, staged: "StagedConfig", processes: int) -> None:
    """Say what a dry run's numbers mean for several processes."""
    from rlsr.engines.prompt_order import prompts_per_process

    parts = {prompts_per_process(config, processes) for config in staged.configs}
    console.print(
        f"with --processes {processes}: {' or '.join(map(str, sorted(parts)))} prompts of a step for each process; each needs at most this "
        "memory, and the time is that of one process alone",
        markup=False,
    )


def _launch(processes: int, path: Path) -> None:
    """Start the processes that train together, and end as they do."""
    if launched_processes() > 1:
        raise ConfigError(
            f"--processes: a launcher has started {launched_processes()} processes already; leave it out"
        )
    try:
        code = launch(processes, path)
    except KeyboardInterrupt as interruption:
        code = 128 + number_of(interruption)
    if code:
        raise typer.Exit(code=code)


def _train_one(
    console: Console, config: "RunConfig", path: Path, *, resume: bool, dry_run: bool
) -> None:
    from rlsr.cli.plan_text import show_head, show_plan
    from rlsr.pipeline import estimate_run, plan_run, train_run
    from rlsr.remote.spending import NOTHING_ASKED

    plan = plan_run(config)
    # A name made of the time differs between processes.
    path = plan.processes.from_main(path)
    if dry_run:
        show_plan(console, plan, estimate_run(plan))
        return
    show_head(console, plan)
    console.print(f"run directory: {path}", markup=False)
    with _watch(console, path) as observer:
        summary = train_run(plan, path, resume=resume, observer=observer)
    _show_changes(console, summary.changes, config, "")
    _show_findings(console, summary.stopped, summary.kept, summary.warnings)
    if summary.asked != NOTHING_ASKED:
        console.print(f"asked of the reward's server: {summary.asked.in_words}", markup=False)
    _show_time(console, sum(summary.seconds.values()))
    console.print(f"run directory: {path}", markup=False)
    _show_contents(console, path)
    show_report_command(console, path)
    if config.method.makes == "policy":
        show_model_commands(console, path)


def _train_stages(
    console: Console, staged: "StagedConfig", path: Path, *, resume: bool, dry_run: bool
) -> None:
    from rlsr.cli.plan_text import show_head, show_stages
    from rlsr.cli.stages_side_by_side import stand_side_by_side
    from rlsr.pipeline import estimate_run
    from rlsr.pipeline.stages import plan_stages, train_stages

    plans = plan_stages(staged, None if dry_run and not resume else path, resume=resume)
    for plan in plans.values():
        path = plan.processes.from_main(path)
    if dry_run:
        show_stages(console, plans, {name: estimate_run(plan) for name, plan in plans.items()})
        return
    for name, plan in plans.items():
        console.print(f"stage {name}:", markup=False)
        show_head(console, plan)
    console.print(f"directory of the stages: {path}", markup=False)
    with _watch(console, path) as observer:
        summary = train_stages(staged, path, resume=resume, observer=observer, plans=plans)
    together = stand_side_by_side(summary.stages)
    for stage, config in zip(summary.stages, staged.configs, strict=True):
        heading = f"stage {stage.name}: {stage.num_steps} steps"
        if stage.was_skipped:
            heading += ", in an earlier session"
        console.print(f"\n{heading}", markup=False, style="bold")
        if not together:
            _show_changes(console, stage.changes, config, "")
        _show_findings(console, stage.stopped, stage.kept, stage.warnings)
    if together:
        _show_side_by_side(console, summary, staged.configs[-1])
    elif len(summary.stages) > 1:
        _show_changes(
            console,
            summary.changes,
            staged.configs[-1],
            "all stages: before the first and after the last",
        )
    _show_time(console, summary.seconds)
    console.print(f"directory of the stages: {path}", markup=False)
    _show_contents(console, path / summary.stages[-1].name)
    show_report_command(console, path)
    if staged.configs[-1].method.makes == "policy":
        show_model_commands(console, path)


@contextmanager
def _watch(console: Console, path: Path) -> Iterator["TrainingObserver"]:
    """Show a run while it goes on; of several processes, the main one shows it."""
    from rlsr.cli.progress import LiveObserver, PlainObserver
    from rlsr.engines import SilentObserver

    if console.quiet:
        yield SilentObserver()
        return
    watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
    with resumable(console, "train", path), watcher as observer:
        yield observer


def _show_changes(
    console: Console, changes: "Sequence[MetricChange]", config: "RunConfig", heading: str
) -> None:
    from rlsr.cli.table import change_table

    if not changes:
        return
    console.print()
    if heading:
        console.print(heading, markup=False, style="bold")
    console.print(change_table(changes, config.evaluation))


def _show_side_by_side(console: Console, summary: "StagesSummary", config: "RunConfig") -> None:
    from rlsr.cli.stages_side_by_side import NUM_SHOWN, show_answers, side_by_side_table
    from rlsr.pipeline.stages_summary import stage_answers
    from rlsr.runs.pipeline_directory import PipelineDirectory

    console.print()
    console.print(side_by_side_table(summary.stages, config.evaluation))
    show_answers(console, stage_answers(PipelineDirectory.open(summary.path), NUM_SHOWN))


def _show_findings(
    console: Console, stopped: str | None, kept: "KeptWeights | None", warnings: Sequence[str]
) -> None:
    if stopped is not None:
        console.print(f"training ended by {stopped}", markup=False)
    if kept is not None:
        console.print(f"final/ has {kept.in_words}", markup=False)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")


def _show_time(console: Console, seconds: float) -> None:
    console.print(f"\ntraining and evaluation took {seconds / 60:.1f} minutes in this session")


def _show_contents(console: Console, path: Path) -> None:
    from rlsr.tracking.progress import tracked_places

    if any((path / "samples").iterdir()):
        console.print(f"  samples of rollouts: {path / 'samples'}", markup=False)
    console.print(f"  held-out responses:  {path / 'evaluation'}", markup=False)
    console.print(f"  trained model:       {path / 'final'}", markup=False)
    for name, place in tracked_places(path).items():
        console.print(f"  tracked by {name}: {place}", markup=False)


def _choose_config(
    files: list[Path], overrides: list[str], out: Path | None, *, resume: bool
) -> "StagedConfig":
    """Load the config; a resumed run without one takes its own."""
    from rlsr.config import load_stages
    from rlsr.config.larger_budget import sets_budget, with_budgets
    from rlsr.runs.pipeline_directory import PipelineDirectory, begun_stages

    interrupted = directory_to_resume(
        files,
        overrides,
        out,
        resume=resume,
        what="run",
        nothing_given="nothing to train on: give a config file, or --data FILE, or --data builtin:instructions for a first try",
    )
    if interrupted is not None:
        return begun_stages(interrupted)
    if resume and out is not None and not files and all(map(sets_budget, overrides)):
        return with_budgets(begun_stages(out), overrides)
    staged = load_stages(files, overrides)
    if resume and out is not None and PipelineDirectory.is_one(out) and not staged.is_pipeline:
        raise RunError(
            f"{out}: stages were begun here ({', '.join(PipelineDirectory.open(out).staged.names)}), and this config has "
            "none; `rlsr train --resume --out DIR` alone takes their own config, or start a run in another directory"
        )
    return staged
