"""The JSON schema of a config, as editors complete and check YAML by it: what pydantic says of the classes, and the short forms.

It knows one file at a time: a table that names no type may have the settings of any, since another layer may name it, and what
spans several settings is left to the check of the config.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rlsr.config.layers import SHORTHANDS
from rlsr.config.recipes import RECIPES
from rlsr.config.run import RunConfig
from rlsr.config.unions import UNIONS

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What language servers for YAML know best."""

DEFINITIONS = "#/$defs/"
"""Where tables stand that others refer to."""
_STAGE = "Stage"

STAGES = (
    "Stages of training, each of which starts from the model of the one before: settings over the rest, as a list, or by place, counted "
    "from 0, over those of a recipe; null takes them away."
)
"""What ``stages`` means, which is laid over a config and is no setting of a run."""


def config_schema(monitors: Iterable[str] = ()) -> Schema:
    """Write the JSON schema of a config file.

    Args:
        monitors: Names that the table ``monitors`` may have; without them it may have any.

    Returns:
        JSON-ready, with the meaning, the bounds and the default of every setting.
    """
    raw = RunConfig.model_json_schema()
    _add_short_forms(raw["$defs"])
    writer = SchemaWriter(raw.pop("$defs"))
    root = writer.write(raw)
    tables = root["properties"]
    for key in SHORTHANDS:
        tables[key] = {**_told(tables[key]), "anyOf": [_short_form(key), _bare(tables[key])]}
    tables["tracking"] = _trackers(tables["tracking"])
    names = list(monitors)
    if names:
        rule = tables["monitors"].pop("additionalProperties")
        named = {"properties": dict.fromkeys(names, rule), "additionalProperties": False}
        tables["monitors"] |= named
    stage = {**root, "properties": dict(tables)}
    tables["method"] = _or_a_list_of_stages(tables["method"])
    tables["stages"] = _stages()
    definitions = {**writer.definitions, _STAGE: stage}
    return {
        "$schema": DIALECT,
        "title": "The config of rlsr train",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _add_short_forms(classes: Mapping[str, Schema]) -> None:
    """Let one word stand where it may inside of a table: a gate's member, the type of a member's reward, a translator's model."""
    for table in ("Member", "CombinedReward"):
        classes[table]["properties"]["gate"]["anyOf"].insert(0, {"type": "string"})
    classes["LogicReward"]["properties"]["translator"]["anyOf"].insert(0, {"type": "string"})
    one_word = {"enum": [name for name in _types("reward") if name != "combined"]}
    reward = classes["Member"]["properties"]["reward"]
    classes["Member"]["properties"]["reward"] = {
        **_told(reward),
        "anyOf": [one_word, _bare(reward)],
    }
    members = classes["CombinedReward"]["properties"]["members"]
    members["additionalProperties"] = {"anyOf": [one_word, members["additionalProperties"]]}


def _types(key: str) -> list[str]:
    """List what a table may be of, those of installed packages among them."""
    union = UNIONS[key]
    return [*union.tables, *union.installed]


def _short_form(key: str) -> Schema:
    if SHORTHANDS[key] != "type":
        return {"type": "string"}
    names = _types(key) if key in UNIONS else ["trl"]
    return {"enum": [*names, *(RECIPES if key == "method" else ())]}


def _trackers(listed: Schema) -> Schema:
    """Let a tracker be its name, and one alone stand without a list around it."""
    one = {"anyOf": [{"enum": _types("tracking.*")}, *listed["items"]["anyOf"]]}
    return {**_told(listed), "anyOf": [*one["anyOf"], {"type": "array", "items": one}]}


def _told(schema: Schema) -> Schema:
    """Keep what people are told of a setting."""
    return {key: schema[key] for key in ("description", "default") if key in schema}


def _bare(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in {"description", "default"}}


def _or_a_list_of_stages(method: Schema) -> Schema:
    several = {"type": "array", "minItems": 1, "items": {"anyOf": method["anyOf"]}}
    return {**_told(method), "anyOf": [*method["anyOf"], several]}


def _stages() -> Schema:
    stage = {"$ref": DEFINITIONS + _STAGE}
    return {
        "description": STAGES,
        "anyOf": [
            {"type": "array", "minItems": 1, "items": stage},
            {"type": "object", "patternProperties": {"^[0-9]+$": stage}, "additionalProperties": False},
            {"type": "null"},
        ],
    }  # fmt: skip


class SchemaWriter:
    """Writes pydantic's schema anew: without its titles and the defaults of whole tables, tables of several types as one file may have them.

    Args:
        classes: The tables by the names of their classes, as pydantic has them.
    """

    def __init__(self, classes: Mapping[str, Schema]) -> None:
        self._classes = classes
        self.definitions: dict[str, Schema] = {}
        """The tables as they are written."""
        for name, one in classes.items():
            # What a union has said of it already stays.
            self.definitions[name] = {**self.write(one), **self.definitions.get(name, {})}

    def write(self, schema: Any) -> Any:
        """Write a part of the schema.

        Args:
            schema: As pydantic has it.
        """
        if isinstance(schema, list):
            return [self.write(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        written: Schema = {}
        for key, value in schema.items():
            written |= self._written(key, value)
        return written

    def _written(self, key: str, value: Any) -> Schema:
        if key == "properties":
            return {key: {name: self.write(one) for name, one in value.items()}}
        if key == "oneOf":
            return {"anyOf": self._union([*value])}
        if key == "prefixItems":
            return {"items": self.write(value), "additionalItems": False}
        if key == "const":
            return {"enum": [value]}
        if key == "description":
            return {key: in_plain_words(value)}
        is_left_out = key in {"title", "discriminator"} or (
            key == "default" and isinstance(value, dict)
        )
        return {} if is_left_out else {key: self.write(value)}

    def _union(self, options: list[Schema]) -> list[Schema]:
        """Write what is one of several: each table with its type named, and one without, which may have what any of them has."""
        names = [one["$ref"].removeprefix(DEFINITIONS) for one in options if "$ref" in one]
        others = [self.write(one) for one in options if "$ref" not in one]
        for name in names:
            required = [*self._classes[name].get("required", ()), "type"]
            self.definitions[name] = {**self.definitions.get(name, {}), "required": required}
        tables = [self._classes[name] for name in names]
        untyped = f"{'Or'.join(names[:2])}{'OrOther' if names[2:] else ''}{len(names)}"
        self.definitions[untyped] = self._untyped(tables)
        refer = [{"$ref": DEFINITIONS + name} for name in (*names, untyped)]
        return [*others, *refer, *_of_packages({_type_of(table) for table in tables})]

    def _untyped(self, tables: Sequence[Schema]) -> Schema:
        found: dict[str, list[Schema]] = {}
        for table in tables:
            for name, one in table["properties"].items():
                written, others = self.write(one), found.setdefault(name, [])
                if written not in others:
                    others.append(written)
        properties = {
            name: others[0] if len(others) == 1 else {**_told(others[0]), "anyOf": others}
            for name, others in found.items()
            if name != "type"
        }
        if {_type_of(table) for table in tables} == set(UNIONS["method"].tables):
            # A recipe is a type whose stages have the others.
            properties["type"] = {"enum": list(RECIPES)}
        return {"type": "object", "properties": properties, "additionalProperties": False}


def _type_of(table: Schema) -> str:
    type_: str = table["properties"]["type"]["const"]
    return type_


def _of_packages(types: set[str]) -> list[Schema]:
    """Let a table be of a type that an installed package adds, whose settings that package knows."""
    unions = (UNIONS[key] for key in ("reward", "method", "tracking.*"))
    added = [name for union in unions if types <= set(union.tables) for name in union.installed]
    named = {"properties": {"type": {"enum": added}}, "required": ["type"]}
    return [{"type": "object", **named}] if added else []


def in_plain_words(docstring: str) -> str:
    """Write a docstring as editors and terminals show it: on one line, with single marks around code.

    Args:
        docstring: Of a setting or a table.
    """
    return " ".join(docstring.replace("``", "`").split())
