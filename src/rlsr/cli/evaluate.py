"""``rlsr evaluate`` measures how good a policy is on the held-out prompts, without training it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsr.cli.arguments import (
    CONFIG_AND_SETTINGS,
    DataOption,
    default_directory,
    directory_to_resume,
    model_of,
    models_among,
    settings_of,
    split_arguments,
)
from rlsr.cli.evaluate_several import evaluate_several
from rlsr.cli.resumable import resumable
from rlsr.cli.setting_names import complete_setting
from rlsr.cli.terminal import open_console
from rlsr.cli.what_next import show_report_command
from rlsr.errors import ConfigError
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rich.console import Console

    from rlsr.config import RunConfig
    from rlsr.evaluation.kept import KeptEvaluation
    from rlsr.pipeline.evaluate import SuiteSummary


def evaluate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=f"[RUN|MODEL]... {CONFIG_AND_SETTINGS}",
            help="A run, whose model is measured as it was, or several runs and models, which are put side by side; or a config, RUN/config.json or a file ending in .yaml, of which the training is left out; and settings such as evaluation.batch_size=8.",
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
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|MODEL",
            help="Of several models the one that the others are held against; the first one if not given.",
        ),
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option(
            metavar="evaluation.json",
            help="An earlier evaluation, or its directory: exit with 1 where the policy is worse than that beyond the interval.",
        ),
    ] = None,
    gate_metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A metric that the gate looks at; may be given several times. The primary ones of each suite if not given.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted evaluation in --out.")
    ] = False,
) -> None:
    """Measure a policy on the held-out prompts without training it, or several side by side."""
    require_one_process("rlsr evaluate")
    suites, files_of_suites = _suites_and_files(suite or [])
    models, others = models_among(arguments or [])
    if len(models) > 1 or (resume and _asks_models(out)):
        _refuse_with_several(model=model, gate=gate)
        own = [*settings_of({"data": data}), *files_of_suites]
        evaluate_several(
            models, others, own, suites=suites, baseline=baseline, out=out, resume=resume
        )
        return
    if baseline is not None:
        raise ConfigError(
            f"--baseline: is of several models, got {baseline} and {models[0] if models else 'no other one'}; name both before the settings"
        )
    if gate_metric and gate is None:
        raise ConfigError(
            "--gate-metric: needs the evaluation that the policy is held against; give it with --gate evaluation.json"
        )
    _evaluate_one(
        models[0] if models else None,
        others,
        data=data,
        model=model,
        out=out,
        suites=suites,
        own=files_of_suites,
        gate=gate,
        gate_metrics=gate_metric or [],
        resume=resume,
    )


def _asks_models(out: Path | None) -> bool:
    from rlsr.comparison.evaluate_models import asks_models

    return out is not None and asks_models(out)


def _refuse_with_several(**options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise ConfigError(
                f"--{name}: is of one model, got {value} besides several; leave it out, or name one model"
            )


def _evaluate_one(
    named: str | None,
    given: list[str],
    *,
    data: str | None,
    model: str | None,
    out: Path | None,
    suites: list[str],
    own: list[str],
    gate: Path | None,
    gate_metrics: list[str],
    resume: bool,
) -> None:
    from rlsr.runs import RunDirectory

    run = _run_of(named)
    if named is not None and run is None and model is not None:
        raise ConfigError(
            f"--model: one model is named already, got {model} besides {named}; leave one out"
        )
    files, overrides = split_arguments(given)
    if run is not None:
        files = [run / "config.json", *files]
    model = model or (str(run) if run else named)
    overrides = [*settings_of({"data": data, "model": model_of(model)}), *own, *overrides]
    config = _choose_config(files, overrides, out, resume=resume)
    path = out or default_directory("runs", files, config.data.path, suffix="-evaluation")
    if not resume:
        RunDirectory.check_free(path)
    held_against = _Baseline.read(gate, suites, gate_metrics) if gate else None
    if held_against and not suites and not resume:
        suites = held_against.suites
    console = open_console()
    from rlsr.cli.progress import LiveObserver, PlainObserver
    from rlsr.cli.table import means_table
    from rlsr.evaluation.suites import HELDOUT
    from rlsr.pipeline import plan_run
    from rlsr.pipeline.evaluate import evaluate_run

    plan = plan_run(config, trains=False)
    if held_against:
        held_against.require_same_scorers(plan.config)
    asked = f"{len(plan.dataset.heldout)} held-out prompts of {config.data.path}"
    if suites and suites != [HELDOUT]:
        asked = f"the suite{'s' if len(suites) > 1 else ''} {', '.join(suites)}"
    console.print(f"{config.model.name} on {asked}, on {plan.device}", markup=False)
    watcher = LiveObserver(console) if console.is_terminal else PlainObserver(console)
    with resumable(console, "evaluate", path), watcher as observer:
        summary = evaluate_run(plan, path, suites, resume=resume, observer=observer)
    for found in summary.suites:
        console.print()
        console.print(means_table(found, config.evaluation))
        for line in (*found.remarks, *_notes(found, config.data.path)):
            console.print(line, markup=False)
    show_report_command(console, path)
    if held_against is not None and held_against.is_worse(console, summary.kept):
        raise typer.Exit(1)


def _run_of(named: str | None) -> Path | None:
    """Find the run that was named, of stages the last one; None for a model, and where nothing was named."""
    from rlsr.runs.trained_models import trained_models

    models = trained_models(Path(named).expanduser()) if named else []
    return models[-1].parent if models else None


def _notes(found: "SuiteSummary", data: str) -> Iterator[str]:
    """Say where the responses are, how many were there before, and how many prompts the training rows have."""
    from rlsr.data.overlap import overlap_in_words

    yield f"{found.title} responses: {found.file}"
    if found.num_known:
        yield (
            f"responses that the same weights had given before: {found.num_known} (evaluation.keep_responses)"
        )
    if found.kept.overlap is not None:
        yield overlap_in_words(found.kept.overlap, prompts=found.title, rows=data)


@dataclass(frozen=True)
class _Baseline:
    """An earlier evaluation, and what of it decides."""

    place: Path
    evaluation: "KeptEvaluation"
    suites: list[str]
    chosen: list[tuple[str, str]]

    @classmethod
    def read(cls, place: Path, suites: list[str], names: list[str]) -> "_Baseline":
        from rlsr.evaluation.gate import choose_metrics
        from rlsr.evaluation.kept import read_kept

        evaluation = read_kept(place)
        asked = suites or list(evaluation.suites)
        return cls(place, evaluation, asked, choose_metrics(evaluation, asked, names))

    def require_same_scorers(self, config: "RunConfig") -> None:
        from rlsr.evaluation.gate import require_same_scorers
        from rlsr.evaluation.metrics import metric_scorers

        require_same_scorers(self.evaluation, self.chosen, metric_scorers(config))

    def is_worse(self, console: "Console", now: "KeptEvaluation") -> bool:
        from rlsr.cli.gate_table import show_gate
        from rlsr.evaluation.gate import hold_against

        gate = hold_against(now, self.evaluation, self.chosen)
        show_gate(console, gate, str(self.place))
        if now.answers != self.evaluation.answers:
            console.print(
                f"the baseline has {self.evaluation.answers}, and these are {now.answers}",
                markup=False,
            )
        return bool(gate.worse)


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
