"""Models as the command line names them, runs or plain ones, and the configs by which they are measured alike. No torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Any

from rlsr.config import RunConfig
from rlsr.config.layers import merge_layers
from rlsr.config.load import check_config
from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError
from rlsr.evaluation.suites import HELDOUT
from rlsr.runs.directory import RunDirectory
from rlsr.runs.trained_models import trained_models

Table = dict[str, Any]

_ODD = re.compile(r"[^\w.+-]+")
_OF_A_RUN = {"final"}
"""Parts of a path that say nothing of what was trained."""


@dataclass(frozen=True)
class GivenModel:
    """One of several models that are measured side by side."""

    given: str
    """As it was named: the directory of a run or of stages, of a model, an id of the hub, or a built-in one."""
    run: RunConfig | None
    """The config of the run that made it; None for a plain model."""

    @property
    def trained(self) -> ModelConfig | None:
        """The model that the run has left, or measured where it trained none; None for a plain model."""
        return self.run.model if self.run else None


def read_given(given: str) -> GivenModel:
    """Find out what was named.

    Args:
        given: As on the command line.

    Returns:
        The model; of stages that of the last one.

    Raises:
        ConfigError: It is a run that has no model yet.
        RunError: The run's files are damaged.
    """
    directory = Path(given).expanduser()
    finals = trained_models(directory)
    if not finals:
        return GivenModel(given, None)
    run = RunDirectory(finals[-1].parent)
    if not run.is_complete:
        raise ConfigError(
            f"{given}: the run is not complete, and leaves its model at its end; finish it first with --resume, or leave it out"
        )
    config = run.read_config()
    if run.final.is_dir():
        config = config.model_copy(update={"model": config.model.saved_in(run.final)})
    return GivenModel(given, config)


def short_names(given: Sequence[str]) -> list[str]:
    """Give models short and distinct names, which their directories have, too.

    Args:
        given: Paths and ids, none twice.

    Returns:
        What tells each from the others at the end of its path: ``sft`` and ``base`` for ``runs/sft/seed-0`` and ``runs/base/seed-0``.
    """
    parts = [_parts(one) for one in given]
    if len(parts) > 1:
        same = sum(1 for _ in takewhile(lambda ends: len(set(ends)) == 1, zip(*map(reversed, parts), strict=False)))  # fmt: skip
        parts = [own[: len(own) - same] or own for own in parts]
    length = 1
    while len({tuple(own[-length:]) for own in parts}) < len(parts) and length < max(map(len, parts)):  # fmt: skip
        length += 1
    names = [_ODD.sub("-", "-".join(own[-length:])).strip("-.") or "model" for own in parts]
    taken: list[str] = []
    for name in names:
        taken.append(name if name not in taken else f"{name}-{len(taken) + 1}")
    return taken


def _parts(given: str) -> list[str]:
    path = Path(given).expanduser()
    whole = PurePath(path.resolve()) if path.exists() else PurePath(given)
    parts = [part for part in whole.parts if part not in {whole.anchor, *_OF_A_RUN}]
    return parts or [given]


def model_configs(
    given: Sequence[str],
    layers: Sequence[Table],
    overrides: Sequence[Table],
    *,
    suites: Sequence[str] = (),
    baseline: str | None = None,
) -> tuple[dict[str, RunConfig], str]:
    """Say by which config each of several models is measured: the baseline's, if that is a run, else the first run's.

    Args:
        given: The models, at least two.
        layers: Configs that are laid over the run's.
        overrides: Settings that are laid over these.
        suites: What is asked; the held-out prompts where nothing is named.
        baseline: One of the models, as it was given or by its short name; None is the first.

    Returns:
        The configs by short name, in order, and the baseline's name.

    Raises:
        ConfigError: A model is named twice, there is no such baseline, or runs do not have the same held-out prompts.
    """
    twice = {one for one in given if given.count(one) > 1}
    if twice:
        raise ConfigError(f"{', '.join(sorted(twice))}: named twice; name each model once")
    names = short_names(given)
    chosen = _baseline(given, names, baseline)
    models = dict(zip(names, map(read_given, given), strict=True))
    runs = [models[chosen], *models.values()]
    base = next((model for model in runs if model.run is not None), None)
    own_data = not _names_data([*layers, *overrides])
    if base and own_data and HELDOUT in (suites or [HELDOUT]):
        _require_same_data(base, list(models.values()))
    configs = {
        name: _config(model, base, layers, overrides, own_data=own_data)
        for name, model in models.items()
    }
    makes = {name: config.method.makes for name, config in configs.items()}
    kinds = {model.run.method.makes for model in models.values() if model.run} | set(makes.values())
    if len(kinds) > 1:
        raise ConfigError(
            f"{', '.join(given)}: some are policies and some are scorers, which nothing measures alike; name models of one kind"
        )
    return configs, chosen


def _baseline(given: Sequence[str], names: Sequence[str], baseline: str | None) -> str:
    if baseline is None:
        return names[0]
    for one, name in zip(given, names, strict=True):
        if baseline in {one, name}:
            return name
    raise ConfigError(f"--baseline: must be one of {', '.join(names)}, got {baseline!r}")


def _names_data(tables: Sequence[Table]) -> bool:
    return any("data" in table for table in tables)


def _require_same_data(base: GivenModel, models: Sequence[GivenModel]) -> None:
    assert base.run is not None, "the base is a run"
    for model in models:
        if model.run is None or model.run.data == base.run.data:
            continue
        paths = {one.given: one.run.data.path for one in (base, model) if one.run}
        if len(set(paths.values())) > 1:
            what = " and ".join(f"{one} on {path}" for one, path in paths.items())
        else:
            what = (
                f"{base.given} and {model.given} on {model.run.data.path} by other settings of data"
            )
        raise ConfigError(
            f"the runs were not trained on the same data ({what}), so that nothing says which held-out prompts all of them are asked; name "
            "them with --data FILE, or leave them out by another --suite"
        )


def _config(
    model: GivenModel,
    base: GivenModel | None,
    layers: Sequence[Table],
    overrides: Sequence[Table],
    *,
    own_data: bool,
) -> RunConfig:
    table: Table = base.run.model_dump(mode="json") if base and base.run else {}
    wanted = model.trained.name if model.trained else model.given
    if model.trained is not None:
        table["model"] = model.trained.model_dump(mode="json")
    else:
        plain: Table = {"name": wanted, "revision": None, "chat_template_kwargs": {}}
        table["model"] = {**table.get("model", {}), **plain}
    if own_data and model.run is not None:
        # Where held-out prompts are asked it is the same for all; else it says what the model has seen.
        table["data"] = model.run.data.model_dump(mode="json")
    config = check_config(merge_layers([table, *layers], overrides))
    if config.model.name != wanted:
        raise ConfigError(
            f"model.name: several models are named already, got {config.model.name} besides; leave it out"
        )
    return config
