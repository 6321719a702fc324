"""``rlsr.train``: what ``rlsr train`` does, from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rlsr.api.given_data import Data, GivenData
from rlsr.api.progress import LineObserver, Say
from rlsr.api.settings import (
    Config,
    Settings,
    Table,
    files_of,
    given_options,
    named_data,
    overrides_of,
    read_layers,
    staged_table,
)
from rlsr.api.trained_run import TrainedRun
from rlsr.cli.arguments import default_directory, model_of
from rlsr.cli.main import prepare_environment
from rlsr.config import StagedConfig
from rlsr.config.larger_budget import sets_budget, with_budgets
from rlsr.config.stages import check_stages
from rlsr.engines import SilentObserver, TrainingObserver
from rlsr.errors import ConfigError
from rlsr.interruption import Interrupted
from rlsr.processes import require_one_process
from rlsr.runs import RunDirectory
from rlsr.runs.owner import require_unowned
from rlsr.runs.pipeline_directory import begun_stages
from rlsr.runs.record import read_run


def train(
    config: Config = None,
    *,
    data: Data | None = None,
    heldout: Data | None = None,
    model: str | Path | None = None,
    settings: Settings = (),
    out: str | Path | None = None,
    resume: bool = False,
    observer: TrainingObserver | None = None,
    say: Say | None = print,
) -> TrainedRun:
    """Train a policy and measure it on held-out prompts before and after.

    Without a method it does SFT to its best and then RLSR, the recipe ``sft+rlsr``, as ``rlsr train`` does.

    Args:
        config: A YAML file, the same as a table, or several of either, later ones winning; None takes the defaults.
        data: A file, ``builtin:instructions``, a Hugging Face id, or rows in memory, which the run keeps.
        heldout: The same of held-out data; None holds out rows of ``data``.
        model: The policy: ``builtin:smollm2-135m``, a model id, or a directory with a model or a run.
        settings: Settings over all of these, as ``{"training.steps": 40}`` or ``["training.steps=40"]``.
        out: The run directory; ``runs/NAME-DATE-TIME`` if not given.
        resume: Go on with the interrupted run in ``out``; nothing else need be given then.
        observer: Who watches in place of ``say``.
        say: Told what happens, line by line; None for silence.

    Returns:
        The run, as :func:`rlsr.load_run` reads it.

    Raises:
        RlsrError: The data, the model or a setting cannot be used, or the directory is taken.
        KeyboardInterrupt: Somebody interrupted it; what is saved is resumed with ``resume``.
    """
    require_one_process("rlsr.train")
    prepare_environment()
    given, layers = GivenData.of(data, heldout), read_layers(config)
    overrides = [*given_options(model=model_of(_text(model))), *overrides_of(settings)]
    if resume and out is None:
        raise ConfigError(
            "resume: needs the directory of the interrupted run; give it, as in rlsr.train(out=DIR, resume=True)"
        )
    if not (resume or layers or overrides or given.name):
        raise ConfigError(
            "nothing to train on: give a config, or data, as in rlsr.train(data='my.jsonl'), or data='builtin:instructions' for "
            "a first try"
        )
    path = directory_for("runs", config, given, [*layers, *overrides], out)
    require_unowned(path)
    if not resume:
        RunDirectory.check_free(path)
    watcher = observer or (SilentObserver() if say is None else LineObserver(say))
    with given.kept_in(path) as named:
        # The rows that a run has kept are those of its own config.
        is_own = resume and not layers and (bool(given.rows) or not named)
        own = _own(path, settings, len(overrides)) if is_own else None
        staged = own or check_stages(staged_table(layers, [*named, *overrides]))
        try:
            _train(staged, path, resume=resume, observer=watcher)
        except KeyboardInterrupt as interruption:
            if say is not None:
                say(_how_to_go_on(interruption, path))
            raise
    return TrainedRun(read_run(path))


def directory_for(
    parent: str,
    config: Config,
    given: GivenData,
    tables: Sequence[Table],
    out: str | Path | None,
    *,
    suffix: str = "",
) -> Path:
    """Choose where the results go.

    Args:
        parent: Directory that all results of this kind lie in.
        config: As it was given; a file gives its name.
        given: The data that were given.
        tables: All settings, which name the data where nothing else does.
        out: What the caller chose.
        suffix: What stands behind the name.
    """
    if out is not None:
        return Path(out).expanduser()
    return default_directory(
        parent, files_of(config), given.name or named_data(tables, []), suffix=suffix
    )


def _text(name: str | Path | None) -> str | None:
    return None if name is None else str(name)


def _own(path: Path, settings: Settings, num_overrides: int) -> StagedConfig | None:
    """Take the config that a run was begun with, perhaps with larger budgets; None where more is said of it."""
    budgets = _as_arguments(settings)
    if len(budgets) < num_overrides or not all(map(sets_budget, budgets)):
        return None
    own = begun_stages(path)
    return with_budgets(own, budgets) if budgets else own


def _as_arguments(settings: Settings) -> list[str]:
    if isinstance(settings, Mapping):
        return [f"{key}={value}" for key, value in settings.items()]
    return [*settings]


def _train(staged: StagedConfig, path: Path, *, resume: bool, observer: TrainingObserver) -> None:
    from rlsr.pipeline import plan_run, plan_stages, train_run, train_stages

    if staged.is_pipeline:
        plans = plan_stages(staged, path, resume=resume)
        train_stages(staged, path, resume=resume, observer=observer, plans=plans)
    else:
        train_run(plan_run(staged.configs[0]), path, resume=resume, observer=observer)


def _how_to_go_on(interruption: KeyboardInterrupt, path: Path) -> str:
    step = interruption.step if isinstance(interruption, Interrupted) else None
    saved = f"step {step} is saved, and " if step is not None else ""
    if not any((path / name).is_file() for name in ("config.json", "pipeline.json")):
        return "interrupted before anything was written; call it again"
    return f"interrupted; {saved}rlsr.train(out={str(path)!r}, resume=True) goes on"
