"""``rlsr.evaluate``: what ``rlsr evaluate`` does, from Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from rlsr.api.frames import to_frame
from rlsr.api.given_data import Data, GivenData
from rlsr.api.progress import LineObserver, Say
from rlsr.api.settings import Config, Settings, given_options, overrides_of, read_layers
from rlsr.api.show import ShownTable
from rlsr.api.side_by_side import SideBySideResult, evaluate_together
from rlsr.api.trained_run import TrainedRun
from rlsr.api.training import directory_for
from rlsr.cli.arguments import default_directory, model_of
from rlsr.cli.main import prepare_environment
from rlsr.comparison.evaluate_models import ask_models
from rlsr.config.layers import merge_layers
from rlsr.config.load import check_config
from rlsr.engines import SilentObserver
from rlsr.errors import ConfigError
from rlsr.evaluation import MetricMean
from rlsr.evaluation.metrics import describe, labelled
from rlsr.pipeline.evaluate import EvaluationSummary, SuiteSummary
from rlsr.processes import require_one_process
from rlsr.runs import RunDirectory
from rlsr.runs.record import read_run
from rlsr.runs.rows import read_heldout_rows
from rlsr.statistics.in_words import mean_with_interval, too_few


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """What an evaluation has found."""

    summary: EvaluationSummary
    """The means with their intervals, suite by suite."""

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.summary.path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a suite and metric: the ``mean`` with its interval, over ``num`` prompts; NaN is unscored."""
        return [
            {
                "suite": suite.name,
                "metric": one.name,
                "in_reward": one.in_reward,
                "mean": one.after.mean,
                "low": one.after.low,
                "high": one.after.high,
                "num": one.after.num,
            }
            for suite in self.summary.suites
            for one in suite.metrics
        ]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The prompts with their references, the answers and their scores."""
        return [
            {
                "suite": suite.name,
                "id": row.id,
                "prompt": row.prompt,
                "reference": row.reference,
                "answer": row.response,
                **{f"score/{name}": value for name, value in row.scores.items()},
            }
            for suite in self.summary.suites
            for row in read_heldout_rows(suite.file)
        ]

    def to_pandas(self) -> Any:
        """Make a pandas frame of ``metrics``.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return to_frame(self.metrics)

    @property
    def _tables(self) -> list[ShownTable]:
        return [_table(suite) for suite in self.summary.suites]

    def __repr__(self) -> str:
        names = ", ".join(suite.name for suite in self.summary.suites)
        return f"EvaluationResult({str(self.path)!r}: {names})"

    def __str__(self) -> str:
        return "\n\n".join(table.text for table in self._tables)

    def _repr_html_(self) -> str:
        return "".join(table.html for table in self._tables)


def _table(suite: SuiteSummary) -> ShownTable:
    few = too_few(suite.num_prompts, f"{suite.title} prompts")
    notes = [*([few] if few else []), f"answers: {suite.file}"]
    rows = [_cells(metric) for metric in suite.metrics]
    return ShownTable(
        f"{suite.num_prompts} {suite.title} prompts", ("metric", "mean"), rows, notes=notes
    )


def _cells(metric: MetricMean) -> tuple[str, str]:
    mean = mean_with_interval(metric.after, describe(metric.name).digits)
    return labelled(metric.name, in_reward=metric.in_reward), mean


Model = TrainedRun | str | Path
"""A trained run, the directory of one or of a model, an id of the hub, or a built-in model."""


@overload
def evaluate(
    run: Model | None = None,
    config: Config = None,
    *,
    data: Data | None = None,
    heldout: Data | None = None,
    model: str | Path | None = None,
    suites: Sequence[str] = (),
    settings: Settings = (),
    out: str | Path | None = None,
    resume: bool = False,
    say: Say | None = print,
) -> EvaluationResult: ...


@overload
def evaluate(
    run: list[Model] | tuple[Model, ...],
    config: Config = None,
    *,
    data: Data | None = None,
    heldout: Data | None = None,
    suites: Sequence[str] = (),
    settings: Settings = (),
    baseline: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    say: Say | None = print,
) -> SideBySideResult: ...


def evaluate(
    run: Model | list[Model] | tuple[Model, ...] | None = None,
    config: Config = None,
    *,
    data: Data | None = None,
    heldout: Data | None = None,
    model: str | Path | None = None,
    suites: Sequence[str] = (),
    settings: Settings = (),
    baseline: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    say: Say | None = print,
) -> EvaluationResult | SideBySideResult:
    """Measure a policy on held-out prompts without training it, or several side by side.

    Args:
        run: A trained run, or its directory: its model is measured as it was, by its own config. Of stages the last one is taken. A list
            of runs and models puts them side by side, measured by the config of the baseline; an empty one goes on with those of ``out``.
        config: In its place, or over it: a YAML file, the same as a table, or several of either.
        data: A file, ``builtin:instructions``, a Hugging Face id, or rows in memory, which the directory keeps.
        heldout: The same of held-out data; None holds out rows of ``data``.
        model: The policy, where it is not the run's.
        suites: What to evaluate by; the held-out prompts if not given.
        settings: Settings over all of these, as ``{"evaluation.batch_size": 8}``.
        baseline: Of several models the one that the others are held against; the first one if not given.
        out: Directory of the answers; ``runs/NAME-evaluation-DATE-TIME`` if not given.
        resume: Go on with the interrupted evaluation in ``out``.
        say: Told what happens, line by line; None for silence.

    Raises:
        RlsrError: There is no such run or suite, a setting cannot be used, or the directory is taken.
    """
    require_one_process("rlsr.evaluate")
    prepare_environment()
    from rlsr.pipeline import plan_run
    from rlsr.pipeline.evaluate import evaluate_run

    given = GivenData.of(data, heldout)
    if isinstance(run, list | tuple):
        if model is not None:
            raise ConfigError(f"model: is of one evaluation, got {model} besides a list; put it in")
        return _side_by_side(run, config, given, suites, settings, baseline, out, resume=resume, say=say)  # fmt: skip
    if baseline is not None:
        raise ConfigError(
            f"baseline: is of several models, got {baseline!r}; give a list of runs and models"
        )
    layers = [*_of_run(run), *read_layers(config)]
    options = given_options(model=model_of(str(model)) if model is not None else None)
    overrides = [*options, *overrides_of(settings)]
    if resume and out is None:
        raise ConfigError(
            "resume: needs the directory of the interrupted evaluation; give it with out"
        )
    if not (resume or layers or overrides or given.name):
        raise ConfigError(
            "nothing to evaluate: give a run, as in rlsr.evaluate('runs/my-20260101-120000'), or a model with data"
        )
    named = config or _name_of(run)
    path = directory_for("runs", named, given, [*layers, *overrides], out, suffix="-evaluation")
    if not resume:
        RunDirectory.check_free(path)
    with given.kept_in(path) as data_settings:
        laid_over = [*data_settings, *overrides]
        if resume and not layers and not laid_over:
            checked = RunDirectory.open(path).read_config()
        else:
            checked = check_config(merge_layers(layers, laid_over))
        observer = SilentObserver() if say is None else LineObserver(say)
        plan = plan_run(checked, trains=False)
        summary = evaluate_run(plan, path, suites, resume=resume, observer=observer)
    return EvaluationResult(summary)


def _side_by_side(
    models: Sequence[Model],
    config: Config,
    given: GivenData,
    suites: Sequence[str],
    settings: Settings,
    baseline: str | None,
    out: str | Path | None,
    *,
    resume: bool,
    say: Say | None,
) -> SideBySideResult:
    names = [str(one.path if isinstance(one, TrainedRun) else one) for one in models]
    layers, overrides = read_layers(config), overrides_of(settings)
    path = Path(out).expanduser() if out else default_directory("runs", [], "side-by-side")
    if resume:
        if out is None or names or layers or overrides or suites or baseline or given.name:
            raise ConfigError(
                "resume: several models go on as they were begun; give an empty list and the directory in out, alone"
            )
        return evaluate_together(None, path, resume=True, say=say)
    if len(names) < 2:
        raise ConfigError(f"run: several models are at least two, got {names}; give one without a list")  # fmt: skip
    with given.kept_in(path) as data_settings:
        asked = ask_models(names, layers, [*data_settings, *overrides], suites=suites, baseline=baseline)  # fmt: skip
        return evaluate_together(asked, path, resume=False, say=say)


def _of_run(run: TrainedRun | str | Path | None) -> list[dict[str, Any]]:
    """Take the config of a run, with its model, for settings."""
    if run is None:
        return []
    found = run if isinstance(run, TrainedRun) else TrainedRun(read_run(Path(run).expanduser()))
    last = RunDirectory(found.stages[-1].path)
    config = last.read_config()
    if not found.is_complete:
        raise ConfigError(
            f"{found.path}: the run is not complete, and leaves its model at its end; finish it first, or name a model"
        )
    if last.final.is_dir():
        config = config.model_copy(update={"model": config.model.saved_in(last.final)})
    return [config.model_dump(mode="json")]


def _name_of(run: TrainedRun | str | Path | None) -> Config:
    """Name the results of a run's evaluation by the run."""
    if run is None:
        return None
    return str(run.path if isinstance(run, TrainedRun) else run)
