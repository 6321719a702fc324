"""Layers of settings over one another: the files from left to right, then the overrides.

Two traps of tagged unions are handled here: pydantic wants the tag even where it is the default, and keys of the old
type must not linger when a later layer changes the type.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlsr.config.embedding import default_embedding_type, expand_name
from rlsr.config.recipes import with_stages
from rlsr.config.unions import TaggedUnion
from rlsr.errors import ConfigError

Table = dict[str, Any]

SHORTHANDS = {
    "model": "name",
    "data": "path",
    "embedding": "model",
    "reward": "type",
    "method": "type",
    "engine": "type",
}
"""Tables that may be written as one string, and the key that the string stands for."""


def merge_layers(
    files: Sequence[Table], overrides: Sequence[Table], *, recipe: str | None = None
) -> Table:
    """Lay tables over one another.

    Args:
        files: Later ones win.
        overrides: They win over the files. What a stage says is laid over what is said for all stages, whatever the order.
        recipe: The recipe whose stages are taken where neither stages nor a method are named; None takes none.

    Returns:
        The settings of all, written out; ``stages`` is a list of tables where there is one.

    Raises:
        ConfigError: Stages are not written as such, or an override changes nothing since every stage has its own.
    """
    merged: Table = {}
    laid_over = list(map(expand, overrides))
    for layer in [*map(expand, files), *sorted(laid_over, key=_rank)]:
        for part in _parts(layer):
            if _rank(part) == _ONE_STAGE:
                merged = with_stages(merged, recipe)
            _require_effect(merged.get("stages"), part)
            merged = _lay(merged, part)
    merged = with_stages(merged, recipe)
    if merged.get("stages", ()) is None:
        del merged["stages"]
    return merged


def expand(table: Table) -> Table:
    """Write out what has a short form: a table as one string, an encoder by its name alone, stages by their methods.

    Args:
        table: As written.

    Returns:
        A new table without short forms.

    Raises:
        ConfigError: A list of methods stands where stages are named, too.
    """
    expanded = {
        key: {SHORTHANDS[key]: value} if key in SHORTHANDS and isinstance(value, str) else value
        for key, value in table.items()
    }
    if "reward" in expanded:
        expanded["reward"] = _expand_reward(expanded["reward"])
    embedding = expanded.get("embedding")
    if isinstance(embedding, dict):
        expanded["embedding"] = expand_name(embedding)
    if "tracking" in expanded:
        expanded["tracking"] = _expand_trackers(expanded["tracking"])
    if isinstance(expanded.get("method"), list):
        if "stages" in expanded:
            raise ConfigError("method: a list of methods is short for stages; keep one of the two")
        expanded["stages"] = [{"method": method} for method in expanded.pop("method")]
    stages = expanded.get("stages")
    if isinstance(stages, list):
        expanded["stages"] = [_expand_stage(place, stage) for place, stage in enumerate(stages)]
    elif isinstance(stages, Mapping):
        expanded["stages"] = {place: _expand_stage(place, stage) for place, stage in stages.items()}
    return expanded


def merge(old: Table, new: Table) -> Table:
    """Lay one table over another; a table whose type changes starts anew.

    Args:
        old: The lower one.
        new: The upper one.
    """
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            lay = _merge_encoder if key == "embedding" else _merge_table
            merged[key] = lay(before, value)
        else:
            merged[key] = value
    return merged


def _merge_table(before: Table, after: Table) -> Table:
    return after if _changes_type(before, after) else merge(before, after)


def _merge_encoder(before: Table, after: Table) -> Table:
    """Lay one encoder over another: its model says what type it is of, unless a server is named that may have it."""
    lower, upper = _encoder_type(before), _encoder_type(after)
    if upper is None or lower in {None, upper}:
        return merge(before, after)
    if lower == "endpoint" and _may_be_at_a_server(after):
        return merge(before, after)
    if upper == "endpoint" and _may_be_at_a_server(before):
        return {"model": before["model"], **after}
    return after


def _encoder_type(table: Table) -> Any:
    """Say of which type an encoder is; None where nothing says so."""
    named = table.keys() & {"type", "url", "model"}
    return table.get("type", _implied_type(table)) if named else None


def _implied_type(table: Table) -> str:
    return "endpoint" if "url" in table else default_embedding_type(table.get("model"))


def _may_be_at_a_server(table: Table) -> bool:
    return "type" not in table and not str(table.get("model")).startswith("builtin:")


def with_type_tags(table: Table, unions: Mapping[str, TaggedUnion]) -> Table:
    """Give every table of several types that names none its default type.

    Args:
        table: Settings of one run.
        unions: The tables that come in several types, by key.
    """
    return _tagged(table, unions, "")


def _tagged(table: Table, unions: Mapping[str, TaggedUnion], place: str) -> Table:
    tagged = dict(table)
    for name, value in table.items():
        if not isinstance(value, dict):
            continue
        key = f"{place}{name}"
        typed = {"type": _default_type(key, value, unions), **value} if key in unions else value
        tagged[name] = _tagged(typed, unions, f"{key}.")
    return tagged


def _default_type(key: str, table: Table, unions: Mapping[str, TaggedUnion]) -> str:
    return _implied_type(table) if key == "embedding" else unions[key].default


def _expand_reward(reward: Any) -> Any:
    """Write out a translator by its name alone, and members by their types."""
    if not isinstance(reward, dict):
        return reward
    expanded = dict(reward)
    if isinstance(reward.get("translator"), str):
        expanded["translator"] = {"type": "model", "name": reward["translator"]}
    if isinstance(reward.get("members"), dict):
        members = reward["members"].items()
        expanded["members"] = {name: _expand_member(member) for name, member in members}
    return expanded


def _expand_trackers(trackers: Any) -> Any:
    """Write out trackers by their names alone, and one that stands without a list around it."""
    listed = [trackers] if isinstance(trackers, str | dict) else trackers
    if not isinstance(listed, list | tuple):
        return trackers
    return [{"type": one} if isinstance(one, str) else one for one in listed]


def _expand_member(member: Any) -> Any:
    member = {"reward": member} if isinstance(member, str) else member
    if not isinstance(member, dict) or "reward" not in member:
        return member
    reward = member["reward"]
    return {
        **member,
        "reward": {"type": reward} if isinstance(reward, str) else _expand_reward(reward),
    }


def _expand_stage(place: object, stage: Any) -> Any:
    if not isinstance(stage, dict):
        return stage
    if "stages" in stage or isinstance(stage.get("method"), list):
        raise ConfigError(f"stages.{place}: a stage has one method and no stages of its own")
    return expand(stage)


def _changes_type(before: Table, after: Table) -> bool:
    return "type" in after and "type" in before and before["type"] != after["type"]


_ALL_STAGES, _ONE_STAGE = 1, 2


def _parts(layer: Table) -> list[Table]:
    """Put what a layer says for one stage behind the rest, which may say what stages there are."""
    if _rank(layer) != _ONE_STAGE:
        return [layer]
    return [
        {key: value for key, value in layer.items() if key != "stages"},
        {"stages": layer["stages"]},
    ]


def _rank(override: Table) -> int:
    """Order overrides: which stages there are, then what holds for all, then what holds for one."""
    if "stages" not in override:
        return _ALL_STAGES
    return _ONE_STAGE if isinstance(override["stages"], Mapping) else 0


def _lay(merged: Table, layer: Table) -> Table:
    rest = {key: value for key, value in layer.items() if key != "stages"}
    laid = merge(merged, rest)
    if "stages" not in layer:
        return laid
    stages = layer["stages"]
    if stages is None:
        # Kept until the end: whoever takes stages away wants no recipe's either.
        laid["stages"] = None
    elif isinstance(stages, Mapping):
        laid["stages"] = _lay_stages(merged.get("stages"), stages)
    elif isinstance(stages, list) and stages:
        laid["stages"] = stages
    else:
        raise ConfigError(
            f"stages: must be a list of tables, one a stage, as in [{{method: sft}}, {{method: rlsr}}], got {stages!r}"
        )
    return laid


def _lay_stages(old: Sequence[Any] | None, new: Mapping[Any, Any]) -> list[Any]:
    """Lay settings over the stages that are named by their place."""
    if old is None:
        raise ConfigError(
            f"stages.{next(iter(new), 0)}: the config has no stages; name them, as in method=[sft,rlsr]"
        )
    stages = list(old)
    for name, stage in new.items():
        if not str(name).isdecimal() or int(name) >= len(stages):
            raise ConfigError(
                f"stages.{name}: stages are counted from 0, and there are {len(stages)}, so it must be "
                f"{' or '.join(map(str, range(len(stages))))}"
            )
        place = int(name)
        both_are_tables = isinstance(stages[place], dict) and isinstance(stage, dict)
        stages[place] = merge(stages[place], stage) if both_are_tables else stage
    return stages


def _require_effect(stages: Any, layer: Table) -> None:
    """Refuse a setting for all stages where the stages of an earlier layer all have their own."""
    if not stages or _rank(layer) != _ALL_STAGES:
        return
    for key in _leaves(layer):
        if all(_has(stage, key) for stage in stages):
            name = ".".join(map(str, key))
            raise ConfigError(
                f"{name}: every stage has its own, so this would change nothing; name the stage, as in stages.0.{name}, "
                "or take the stages away with stages=null"
            )


def _leaves(table: Table, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*place, key))
        else:
            yield (*place, key)


def _has(table: Any, key: tuple[Any, ...]) -> bool:
    """Say whether a table has a setting of its own, or none where the setting would be."""
    for part in key:
        if not isinstance(table, dict):
            return True
        if part not in table:
            return False
        table = table[part]
    return True
