"""Configs of several stages: the shared settings, and what each stage lays over them.

``method: [sft, rlsr]`` is short for ``stages: [{method: sft}, {method: rlsr}]``; a stage is a partial config. Every stage
after the first starts from the model of the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from rlsr.config.file_names import is_file_name
from rlsr.config.layers import Table, expand, merge
from rlsr.config.load import check_config, read_table
from rlsr.config.recipes import SFT_THEN_RLSR, with_stages
from rlsr.config.run import RunConfig
from rlsr.config.unions import UNIONS, type_of
from rlsr.errors import ConfigError

FROM_THE_STAGE_BEFORE = ("name", "revision", "chat_template_kwargs")
"""Settings of the model that a later stage has no choice in: it takes model and template of the one before."""


@dataclass(frozen=True)
class StagedConfig:
    """The configs of one or more stages, in their order."""

    names: tuple[str, ...]
    """Place, counted from 1, and method of each, as in ``2-rlsr``; directories are named so."""
    configs: tuple[RunConfig, ...]
    """The config of each. The model of all is that of the first; the pipeline puts in what the stage before leaves."""
    is_pipeline: bool
    """Whether stages were asked for; if not there is one config, that of a plain run."""

    def dump(self) -> dict[str, Any]:
        """Write all settings as ``pipeline.json`` has them.

        Returns:
            A JSON-ready table.
        """
        return {
            "stages": [
                {"name": name, "config": config.model_dump(mode="json")}
                for name, config in zip(self.names, self.configs, strict=True)
            ]
        }

    @classmethod
    def from_dump(cls, table: Mapping[str, Any]) -> Self:
        """Read back what ``dump`` wrote.

        Args:
            table: As in ``pipeline.json``.

        Returns:
            The configs, checked again.

        Raises:
            ConfigError: A setting is not one that this version knows, or the table has another form.
        """
        try:
            stages = [(str(stage["name"]), dict(stage["config"])) for stage in table["stages"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                "stages: must be a list of tables with name and config, got another form"
            ) from error
        names = tuple(name for name, _ in stages)
        for name in names:
            if not is_file_name(name):
                raise ConfigError(f"stages: a stage's name is that of a directory, got {name!r}")
        return cls(names, _checked(names, [config for _, config in stages]), is_pipeline=True)


def load_stages(files: Sequence[Path] = (), overrides: Sequence[str] = ()) -> StagedConfig:
    """Read, merge and check a config with or without stages; one that names neither stages nor a method is SFT, then RLSR.

    Args:
        files: YAML files; later ones win.
        overrides: Arguments such as ``method=[sft,rlsr]`` or, for one stage, counted from 0, ``stages.0.training.steps=4``.

    Returns:
        The config of every stage.

    Raises:
        ConfigError: A file cannot be read, or a key or value breaks a rule. All of them are listed at once, with the stage
            where it is one stage's.
    """
    return check_stages(read_table(files, overrides, recipe=SFT_THEN_RLSR))


def stages_from_table(table: Table) -> StagedConfig:
    """Check a config with or without stages that is a plain dictionary.

    Args:
        table: Nested settings; what is missing gets its default.

    Returns:
        The config of every stage.

    Raises:
        ConfigError: A key or value breaks a rule.
    """
    return check_stages(with_stages(expand(table)))


def check_stages(table: Table) -> StagedConfig:
    """Check settings without short forms, with or without stages.

    Args:
        table: Nested settings, written out; what is missing gets its default.

    Returns:
        The config of every stage.

    Raises:
        ConfigError: A key or value breaks a rule.
    """
    is_pipeline = table.get("stages") is not None
    tables = split_stages(table)
    names = tuple(f"{place}-{_method_type(stage)}" for place, stage in enumerate(tables, start=1))
    if not is_pipeline:
        config = check_config(tables[0])
        if config.pipeline.max_seconds is not None:
            raise ConfigError(
                f"pipeline.max_seconds: is the budget of several stages together, got {config.pipeline.max_seconds:g} for one "
                "run; set training.max_seconds"
            )
        return StagedConfig(names, (config,), is_pipeline=False)
    configs = _checked(names, tables)
    _require_same_adapters(names, configs)
    _require_policies_to_start_from(names, configs)
    _require_one_budget(names, configs)
    return StagedConfig(names, configs, is_pipeline=True)


def split_stages(table: Table) -> list[Table]:
    """Lay what each stage says over what is said for all.

    A setting of the method that is shared goes to the stages whose method has it.

    Args:
        table: Settings without short forms, with or without stages.

    Returns:
        One full table a stage, unchecked; without stages the table itself.

    Raises:
        ConfigError: The stages are no list of tables, or a later stage names a model of its own.
    """
    shared = {key: value for key, value in table.items() if key != "stages"}
    stages = table.get("stages")
    if stages is None:
        return [shared]
    if not isinstance(stages, list) or not stages:
        raise ConfigError(f"stages: must be a list of tables, one a stage, got {stages!r}")
    stages = [_as_table(place, stage) for place, stage in enumerate(stages)]
    own = [_own_type(stage, shared) for stage in stages]
    return [
        merge({**shared, **_shared_method(shared, type_, own)}, stage)
        for stage, type_ in zip(stages, own, strict=True)
    ]


def _as_table(place: int, stage: Any) -> Table:
    if not isinstance(stage, dict):
        raise ConfigError(
            f"stages.{place}: a stage is a table of settings, as in {{method: sft}}, got {stage!r}"
        )
    model = stage.get("model")
    own = model if isinstance(model, dict) else {}
    for name in FROM_THE_STAGE_BEFORE:
        if place and name in own:
            raise ConfigError(
                f"stages.{place}.model.{name}: a later stage takes its model from the stage before; leave it out here, and "
                f"set model.{name} for the first"
            )
    return stage


def _own_type(stage: Table, shared: Table) -> Any:
    """Say which method a stage has: its own, that of all, or the default."""
    return _method_type({"method": _method(shared) | _method(stage)})


def _method_type(table: Table) -> Any:
    return type_of("method", _method(table))


def _method(table: Table) -> Table:
    method = table.get("method", {})
    # Something else is no method; the check of the config says so.
    return method if isinstance(method, dict) else {}


def _shared_method(shared: Table, own: Any, types: Sequence[Any]) -> Table:
    """Choose which of the shared settings of the method a stage takes."""
    method = shared.get("method")
    if not isinstance(method, dict):
        return {}
    union = UNIONS["method"]
    named = method.get("type", own)
    # Of a method that is named and another than the stage's, only what every method has.
    known = union.settings(own) if named == own else union.shared_settings
    # What no stage knows stays, so that it is refused.
    of_others = set().union(*map(union.settings, {*types, named})) - known
    kept = {key: value for key, value in method.items() if key not in of_others}
    return {"method": {**kept, "type": own}}


def _checked(names: Sequence[str], tables: Sequence[Table]) -> tuple[RunConfig, ...]:
    """Check the table of every stage, and list the mistakes of all."""
    configs: list[RunConfig] = []
    mistakes: list[list[str]] = []
    for table in tables:
        try:
            configs.append(check_config(table))
            mistakes.append([])
        except ConfigError as error:
            mistakes.append(str(error).splitlines())
    lines: list[str] = []
    for name, found in zip(names, mistakes, strict=True):
        for line in found:
            in_all = all(line in others for others in mistakes)
            # What is wrong in every stage is most likely said once, for all.
            lines.append(line if in_all else f"stage {name}: {line}")
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return tuple(configs)


def _require_same_adapters(names: Sequence[str], configs: Sequence[RunConfig]) -> None:
    """Refuse other adapters than those that a stage takes over."""
    for place in range(1, len(configs)):
        before, after = configs[place - 1].model.lora, configs[place].model.lora
        if configs[place].method.makes == "scorer":
            # It merges those that it finds.
            continue
        if before is not None and after is not None and before != after:
            was, becomes = before.model_dump(), after.model_dump()
            differing = [
                f"{key} {becomes[key]} after {was[key]}" for key in was if was[key] != becomes[key]
            ]
            raise ConfigError(
                f"stage {names[place]}: model.lora: must be as in {names[place - 1]}, whose adapters it goes on training, got "
                f"{', '.join(differing)}; set it for all stages, or null, which merges the adapters and trains all weights"
            )


def _require_policies_to_start_from(names: Sequence[str], configs: Sequence[RunConfig]) -> None:
    """Refuse to train a policy on from a scorer."""
    for place in range(1, len(configs)):
        before, after = configs[place - 1].method, configs[place].method
        if before.makes == "scorer" and after.makes == "policy":
            raise ConfigError(
                f"stage {names[place]}: method: {after.type} starts from a policy, and {names[place - 1]} leaves a scorer, which answers no "
                "prompts; train it apart, and take it as the reward with reward={type: preference_model, model: DIR}"
            )


def _require_one_budget(names: Sequence[str], configs: Sequence[RunConfig]) -> None:
    """Refuse budgets of all stages together that differ, and shares of budgets that cannot be added up."""
    for name, config in zip(names, configs, strict=True):
        own, of_first = config.pipeline.max_seconds, configs[0].pipeline.max_seconds
        if own != of_first:
            raise ConfigError(
                f"stage {name}: pipeline.max_seconds: is one budget for all stages, got {own} after {of_first} in {names[0]}; set "
                "it for all stages, or training.max_seconds for one"
            )
    kinds = dict.fromkeys(map(budget_kind, configs))
    if len(kinds) > 1 and any(config.evaluation.during for config in configs):
        raise ConfigError(
            f"evaluation.during: has shares of the budgets of all stages together, and here these are of {' and '.join(kinds)}; "
            "limit all stages by the same, set pipeline.max_seconds, or leave it out"
        )


def budget_kind(config: RunConfig) -> Literal["seconds", "tokens", "steps"]:
    """Say what limits a run, for shares of it.

    Args:
        config: Of the run, or of a stage.

    Returns:
        The unit of its budget; ``steps`` where it has none.
    """
    if config.pipeline.max_seconds is not None or config.training.max_seconds is not None:
        return "seconds"
    return "steps" if config.training.max_tokens is None else "tokens"
