"""The JSON schema of an experiment, as editors complete and check YAML by it: that of a config, and what an experiment adds."""

from collections.abc import Iterable, Mapping

from rlsr.comparison.experiment import MEASURES_BY, ExperimentConfig
from rlsr.config.schema import DEFINITIONS, DIALECT, Schema, SchemaWriter, config_schema

_CONFIG, _RECIPE = "Config", "Recipe"

_CHOOSE: Schema = {
    "description": "Settings that trials choose, each with a list of its values; or the name of the recipe whose choice is taken.",
    "anyOf": [
        {"type": "string"},
        {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array"}},
        {"type": "null"},
    ],
}
_BUDGET_SHARE: Schema = {
    "description": "Parts of the budget that the stages have, one for each; equal parts where nothing says so.",
    "anyOf": [
        {"type": "array", "minItems": 1, "items": {"type": "number", "exclusiveMinimum": 0}},
        {"type": "null"},
    ],
}


def experiment_schema(monitors: Iterable[str] = ()) -> Schema:
    """Write the JSON schema of an experiment's file.

    Args:
        monitors: As for a config.

    Returns:
        JSON-ready.
    """
    config = config_schema(monitors)
    tables, definitions = config["properties"], config["$defs"]
    raw = ExperimentConfig.model_json_schema()
    writer = SchemaWriter(raw.pop("$defs"))
    root = writer.write(raw)
    recipe = {**tables, "choose": _CHOOSE, "budget_share": _BUDGET_SHARE}
    base = root["properties"]["base"]
    root["properties"] |= {
        "base": {"description": base["description"], "anyOf": _base()},
        "recipes": _tables_by_name(root["properties"]["recipes"], _refer(_RECIPE)),
        "again": _tables_by_name(
            root["properties"]["again"], _table({key: tables[key] for key in MEASURES_BY})
        ),
    }
    return {
        "$schema": DIALECT,
        "title": "The experiment of rlsr compare",
        **root,
        "$defs": {
            **definitions,
            **writer.definitions,
            _CONFIG: _table(tables),
            _RECIPE: {"anyOf": [_table(recipe), {"type": "null"}]},
        },
    }


def _base() -> list[Schema]:
    """Say what ``base`` may be: settings, the name of a config, or several of these."""
    one = [{"type": "string"}, _refer(_CONFIG)]
    return [*one, {"type": "array", "items": {"anyOf": one}}]


def _tables_by_name(setting: Schema, table: Schema) -> Schema:
    return {**setting, "additionalProperties": table}


def _table(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _refer(name: str) -> Schema:
    return {"$ref": DEFINITIONS + name}
