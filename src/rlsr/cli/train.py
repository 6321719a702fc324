"""``rlsr train``: from a config or a data file to a trained and evaluated model."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from rich.console import Console

from rlsr.cli.arguments import PIPED_WIDTH, quieten_libraries, split_arguments
from rlsr.cli.progress import LiveObserver, PlainObserver
from rlsr.cli.table import change_table
from rlsr.config import RunConfig, load_config
from rlsr.errors import ConfigError
from rlsr.runs import RunDirectory

if TYPE_CHECKING:
    from rlsr.engines.estimate import Estimate
    from rlsr.pipeline import RunPlan


def train(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONFIG.yaml]... [KEY=VALUE]...",
            help="Config files, later ones winning, and settings such as method.num_generations=4.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Your SFT set: a file, builtin:instructions, or a dataset id."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The policy: builtin:smollm2-135m, a model id, or a directory."),
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
) -> None:
    """Train a policy by RLSR and measure it on held-out prompts before and after."""
    files, overrides = split_arguments(arguments or [])
    overrides = [
        # As JSON texts, which are YAML too: a file may be named like a number or a table.
        *([f"data={json.dumps(data)}"] if data else []),
        *([f"model={json.dumps(model)}"] if model else []),
        *overrides,
    ]
    config = _choose_config(files, overrides, out, resume=resume)
    path = out or _default_path(files, config)
    if not resume and not dry_run:
        RunDirectory.check_free(path)
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    quieten_libraries()
    from rlsr.pipeline import estimate_run, plan_run, train_run

    plan = plan_run(config)
    if dry_run:
        _show_plan(console, plan, estimate_run(plan))
        return
    _show_head(console, plan)
    console.print(f"run directory: {path}", markup=False)
    watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
    try:
        with watcher as observer:
            summary = train_run(plan, path, resume=resume, observer=observer)
    except KeyboardInterrupt:
        console.print(
            f"\ninterrupted; `rlsr train --resume --out {path}` goes on from the last checkpoint (one every "
            f"{config.training.save_every} steps)",
            markup=False,
        )
        raise typer.Exit(code=130) from None
    if summary.changes:
        console.print()
        console.print(change_table(summary.changes, config.evaluation.confidence))
    for warning in summary.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")
    minutes = sum(summary.seconds.values()) / 60
    console.print(f"\ntraining and evaluation took {minutes:.1f} minutes in this session")
    console.print(f"run directory: {path}", markup=False)
    console.print(f"  samples of rollouts: {path / 'samples'}", markup=False)
    console.print(f"  held-out responses:  {path / 'evaluation'}", markup=False)
    console.print(f"  trained model:       {path / 'final'}", markup=False)


def _choose_config(
    files: list[Path], overrides: list[str], out: Path | None, *, resume: bool
) -> RunConfig:
    """Load the config; a resumed run without one takes its own."""
    if resume:
        if out is None:
            raise ConfigError(
                "--resume: needs the directory of the interrupted run; give it with --out DIR"
            )
        if not files and not overrides:
            return RunDirectory.open(out).read_config()
    elif not files and not overrides:
        raise ConfigError(
            "nothing to train on: give a config file, or --data FILE, or --data builtin:instructions for a first try"
        )
    return load_config(files, overrides)


def _default_path(files: list[Path], config: RunConfig) -> Path:
    name = files[-1].stem if files else Path(config.data.path.replace(":", "-")).name.split(".")[0]
    return Path("runs") / f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"


def _show_head(console: Console, plan: "RunPlan") -> None:
    config = plan.config
    console.print(
        f"{config.model.name} on {config.data.path}: {len(plan.dataset.train)} training and "
        f"{len(plan.dataset.heldout)} held-out prompts, {plan.num_steps} steps of "
        f"{config.training.prompts_per_step} x {config.method.num_generations} responses on {plan.device}",
        markup=False,
    )
    for warning in plan.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")


def _show_plan(console: Console, plan: "RunPlan", estimate: "Estimate") -> None:
    console.print("# resolved config", style="bold")
    console.print(
        yaml.safe_dump(plan.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        markup=False,
    )
    console.print("# what it would do", style="bold")
    _show_head(console, plan)
    for name, lengths in (("prompts", plan.prompt_lengths), ("references", plan.reference_lengths)):
        console.print(
            f"{name}: median {lengths.median:g}, 95th percentile {lengths.p95:g}, longest {lengths.maximum} tokens"
        )
    console.print(
        f"estimate, good to a factor of two: {plan.memory.peak_gb:.1f} GB of memory, {estimate.step_seconds:.3g} s a step, "
        f"{estimate.total_minutes:.3g} minutes in all"
    )
    console.print(f"passes of at most {plan.memory.tokens_per_pass:,} tokens")
    if plan.memory.rows_at_a_time is not None:
        console.print(f"rollouts of {plan.memory.rows_at_a_time:,} responses at a time")
    console.print("nothing was trained or written")
