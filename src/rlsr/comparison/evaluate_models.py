"""Several models, each evaluated into a directory of its own, and held against one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsr.comparison.given_models import Table, model_configs
from rlsr.comparison.side_by_side import FILE, SideBySide, side_by_side, write_side_by_side
from rlsr.config import RunConfig, config_from_table
from rlsr.config.file_names import is_file_name
from rlsr.errors import BudgetError, ConfigError, EvaluationError, RlsrError, RunError
from rlsr.evaluation.kept import KeptEvaluation, read_kept
from rlsr.evaluation.suites import HELDOUT, load_suites, require_suite_settings
from rlsr.pipeline import RunPlan, plan_run
from rlsr.runs.directory import RunDirectory, require_free
from rlsr.runs.json_file import RESTORE, Row, read_json, write_json
from rlsr.runs.owner import owned
from rlsr.runs.typed_json import from_table

Evaluate = Callable[[str, RunPlan, Path, bool], KeptEvaluation]
"""Evaluates one model: its name, what is planned, its directory, and whether it was begun there."""

VERSION = 1

MODELS = "models.json"
"""Says what was asked for, so that an interrupted evaluation of several models goes on."""


@dataclass(frozen=True)
class AskedModels:
    """Which models are to be evaluated, and how."""

    baseline: str
    """The one that the others are held against."""
    suites: tuple[str, ...]
    """What they are asked, at least one suite."""
    configs: Mapping[str, RunConfig]
    """By name, in order."""


def asks_models(path: Path) -> bool:
    """Say whether several models were to be evaluated in a directory."""
    return (path / MODELS).is_file()


def read_asked(path: Path) -> AskedModels:
    """Read what was asked for.

    Args:
        path: The directory of the evaluations.

    Raises:
        RunError: It is damaged, or of another version.
    """
    file = path / MODELS
    table = read_json(file)
    if table.get("version") != VERSION:
        raise RunError(
            f"{file}: expected version {VERSION} of the format, got {table.get('version')!r}; evaluate again in another directory"
        )
    try:
        configs = from_table(dict[str, Row], table.get("configs"))
        suites = from_table(tuple[str, ...], table.get("suites"))
        read = {name: config_from_table(one) for name, one in configs.items()}
    except (ValueError, ConfigError) as error:
        raise RunError(f"{file}: damaged: {error}; {RESTORE}") from error
    baseline = table.get("baseline")
    if not all(map(is_file_name, read)) or baseline not in read:
        raise RunError(
            f"{file}: damaged: models have the names of directories, and the baseline is one of them; {RESTORE}"
        )
    return AskedModels(str(baseline), suites, read)


def ask_models(
    models: Sequence[str],
    layers: Sequence[Table],
    overrides: Sequence[Table],
    *,
    suites: Sequence[str],
    baseline: str | None,
) -> AskedModels:
    """Say which models are to be evaluated, and how.

    Args:
        models: As they were named.
        layers: Configs over that of the baseline.
        overrides: Settings over these.
        suites: What is asked.
        baseline: The one that the others are held against; None is the first.

    Raises:
        RlsrError: There is no such model or suite, or they cannot be measured alike.
    """
    load_suites(suites)
    configs, chosen = model_configs(models, layers, overrides, suites=suites, baseline=baseline)
    require_suite_settings(configs[chosen])
    return AskedModels(chosen, tuple(dict.fromkeys(suites)) or (HELDOUT,), configs)


def evaluate_models(
    asked: AskedModels, path: Path, evaluate: Evaluate, *, resume: bool = False
) -> SideBySide:
    """Evaluate models one after another, and hold them against the baseline.

    Args:
        asked: Which models, and how.
        path: Holds a directory a model, what was asked for, and ``side_by_side.json``.
        evaluate: Evaluates one of them.
        resume: Whether to go on with what was interrupted; models that are complete are not evaluated again.

    Returns:
        What was found, as it is written there.

    Raises:
        RlsrError: One of them cannot be planned; then none is asked.
        RunError: The directory is taken, or what the models answered does not fit together.
        EvaluationError: Some could not be evaluated; those that could are kept.
        BudgetError: A budget at a server is used up.
    """
    plans = {
        name: _plan(name, config)
        for name, config in asked.configs.items()
        if not RunDirectory(path / name).is_complete
    }
    with owned(path):
        if not resume:
            require_free(path, "several evaluations need", "name another with --out, or continue them with --resume")  # fmt: skip
            _write_asked(path, asked)
        found: dict[str, KeptEvaluation] = {}
        failures: dict[str, RlsrError] = {}
        for name in asked.configs:
            run = RunDirectory(path / name)
            try:
                found[name] = (
                    evaluate(name, plans[name], run.path, (run.path / "config.json").is_file())
                    if name in plans
                    else read_kept(run.path)
                )
            except BudgetError:
                raise
            except RlsrError as error:
                failures[name] = error
        if failures:
            raise EvaluationError(_what_failed(failures, len(asked.configs), path))
        result = side_by_side(found, asked.baseline)
        write_side_by_side(path / FILE, result)
        return result


def _plan(name: str, config: RunConfig) -> RunPlan:
    """Plan the evaluation of a model before any of them is asked."""
    try:
        return plan_run(config, trains=False)
    except RlsrError as error:
        raise EvaluationError(f"{name}: {error}") from error


def _write_asked(path: Path, asked: AskedModels) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: the directory cannot be made: {error}") from error
    write_json(path / MODELS, {"version": VERSION, "baseline": asked.baseline, "suites": asked.suites, "configs": asked.configs})  # fmt: skip


def _what_failed(failures: Mapping[str, RlsrError], number: int, path: Path) -> str:
    what = "; ".join(f"{name}: {error}" for name, error in failures.items())
    kept = number - len(failures)
    are = "is" if kept == 1 else "are"
    return (
        f"{what}\n{kept} of {number} models {are} evaluated and kept; once that is mended, `rlsr evaluate --resume --out {path}` goes on "
        "with the others"
    )
