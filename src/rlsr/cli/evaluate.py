"""``rlsr evaluate``: how good is a policy on the held-out prompts, as it is?"""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rlsr.cli.arguments import PIPED_WIDTH, quieten_libraries, split_arguments
from rlsr.cli.progress import LiveObserver, PlainObserver
from rlsr.cli.table import means_table
from rlsr.config import RunConfig, load_config
from rlsr.errors import ConfigError
from rlsr.processes import require_one_process
from rlsr.runs import RunDirectory


def evaluate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONFIG.yaml]... [KEY=VALUE]...",
            help="The config of a run, of which the training is left out, and settings such as evaluation.batch_size=8.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Your SFT set: a file, builtin:instructions, or a dataset id."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The policy: the final/ directory of a run, a model id, or builtin:smollm2-135m."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run directory; runs/NAME-evaluation-DATE-TIME if not given."),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="What to evaluate by; may be given several times. heldout if not given: the held-out prompts."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted evaluation in --out.")
    ] = False,
) -> None:
    """Measure a policy on the held-out prompts without training it."""
    require_one_process("rlsr evaluate")
    files, overrides = split_arguments(arguments or [])
    overrides = [
        # As JSON texts, which are YAML too: a file may be named like a number or a table.
        *([f"data={json.dumps(data)}"] if data else []),
        *([f"model={json.dumps(model)}"] if model else []),
        *overrides,
    ]
    config = _choose_config(files, overrides, out, resume=resume)
    path = out or _default_path(files, config)
    if not resume:
        RunDirectory.check_free(path)
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    quieten_libraries()
    from rlsr.pipeline import plan_run
    from rlsr.pipeline.evaluate import evaluate_run

    plan = plan_run(config)
    asked = f"{len(plan.dataset.heldout)} held-out prompts of {config.data.path}"
    if suite:
        asked = f"the suite{'s' if len(suite) > 1 else ''} {', '.join(suite)}"
    console.print(f"{config.model.name} on {asked}, on {plan.device}", markup=False)
    watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
    with watcher as observer:
        summary = evaluate_run(plan, path, suite or (), resume=resume, observer=observer)
    for found in summary.suites:
        console.print()
        console.print(means_table(found, config.evaluation.confidence))
        console.print(f"{found.title} responses: {found.file}", markup=False)


def _choose_config(
    files: list[Path], overrides: list[str], out: Path | None, *, resume: bool
) -> RunConfig:
    """Load the config; a resumed evaluation without one takes its own."""
    if resume:
        if out is None:
            raise ConfigError(
                "--resume: needs the directory of the interrupted evaluation; give it with --out DIR"
            )
        if not files and not overrides:
            return RunDirectory.open(out).read_config()
    elif not files and not overrides:
        raise ConfigError(
            "nothing to evaluate: give the config of a run, or --data FILE, and --model DIR for a trained policy"
        )
    return load_config(files, overrides)


def _default_path(files: list[Path], config: RunConfig) -> Path:
    name = files[-1].stem if files else Path(config.data.path.replace(":", "-")).name.split(".")[0]
    return Path("runs") / f"{name}-evaluation-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
