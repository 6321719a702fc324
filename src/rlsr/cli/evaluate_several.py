"""``rlsr evaluate`` with several models: each into a directory of its own, then side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlsr.cli.arguments import default_directory, split_arguments
from rlsr.cli.resumable import resumable
from rlsr.cli.terminal import open_console
from rlsr.cli.what_next import show_report_command
from rlsr.errors import ConfigError

if TYPE_CHECKING:
    from rlsr.comparison.evaluate_models import AskedModels


def evaluate_several(
    models: Sequence[str],
    given: Sequence[str],
    own: Sequence[str],
    *,
    suites: Sequence[str],
    baseline: str | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Evaluate several models by the same prompts, and hold them against one of them.

    Args:
        models: As named on the command line; none goes on with those of ``out``.
        given: Config files and settings.
        own: Settings that options have made, below the given ones.
        suites: What is asked.
        baseline: The model that the others are held against; None is the first.
        out: Holds a directory a model.
        resume: Whether to go on with an evaluation that was interrupted.
    """
    from rlsr.comparison.evaluate_models import ask_models, evaluate_models
    from rlsr.config.yaml_text import parse_override, read_yaml

    files, settings = split_arguments(given)
    if resume:
        asked = _interrupted(models, files, [*own, *settings], suites, baseline, out)
    else:
        layers, overrides = map(read_yaml, files), map(parse_override, [*own, *settings])
        asked = ask_models(models, list(layers), list(overrides), suites=suites, baseline=baseline)
    path = out or default_directory("runs", [], "side-by-side")
    console = open_console()
    from rlsr.cli.progress import LiveObserver, PlainObserver
    from rlsr.cli.side_by_side_table import show_side_by_side
    from rlsr.evaluation.kept import KeptEvaluation
    from rlsr.pipeline import RunPlan
    from rlsr.pipeline.evaluate import evaluate_run

    def evaluate_one(name: str, plan: RunPlan, directory: Path, is_begun: bool) -> KeptEvaluation:
        console.print(
            f"{name}: {plan.config.model.name} on {' and '.join(asked.suites)}, on {plan.device}",
            markup=False,
        )
        watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
        with watcher as observer:
            return evaluate_run(plan, directory, asked.suites, resume=is_begun, observer=observer).kept  # fmt: skip

    with resumable(console, "evaluate", path):
        found = evaluate_models(asked, path, evaluate_one, resume=resume)
    console.print()
    show_side_by_side(console, found)
    console.print(f"evaluations: {path}", markup=False)
    show_report_command(console, path)


def _interrupted(
    models: Sequence[str],
    files: Sequence[Path],
    settings: Sequence[str],
    suites: Sequence[str],
    baseline: str | None,
    out: Path | None,
) -> "AskedModels":
    """Read what an interrupted evaluation of several models was asked for; budgets may be larger now."""
    from dataclasses import replace

    from rlsr.comparison.evaluate_models import asks_models, read_asked
    from rlsr.config.larger_budget import sets_budget, with_budget

    if out is None or not asks_models(out):
        raise ConfigError(
            f"--resume: needs the directory of the interrupted evaluation of these models in --out, got {out}"
        )
    if models or files or suites or baseline or not all(map(sets_budget, settings)):
        raise ConfigError(
            f"--resume: {out} goes on with the models, suites and settings that it was begun with; give --resume and --out alone"
        )
    asked = read_asked(out)
    if not settings:
        return asked
    configs = {name: with_budget(config, list(settings)) for name, config in asked.configs.items()}
    return replace(asked, configs=configs)
