"""What every setting is, found by its key."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from rlsr.cli.setting_names import FILE, complete_key, complete_setting
from rlsr.config import load_config
from rlsr.config.kinds import default_in_words, kind_in_words
from rlsr.config.reference import list_settings, settings_at, settings_below
from rlsr.config.run import RunConfig
from rlsr.config.yaml_text import parse_override
from rlsr.errors import ConfigError

ROOT = Path(__file__).parents[3]


def test_every_setting_has_a_meaning_and_a_kind() -> None:
    for setting in list_settings():
        assert setting.meaning.endswith((".", "`")), setting.key
        assert setting.kind, setting.key


def flat(table: dict[str, Any], place: str = "") -> set[str]:
    """List the keys of a resolved config, tables among them; what a user names himself is left out."""
    keys: set[str] = set()
    for name, value in table.items():
        key = f"{place}{name}"
        keys.add(key)
        if isinstance(value, dict):
            keys |= flat(value, f"{key}.")
    return keys


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["method=pear", "embedding=builtin:minilm"],
        ["reward={type: logic, translator: org/model}"],
        ["reward={type: judge, endpoint: {url: http://localhost/v1, model: m}}"],
        ["tracking=[wandb]"],
    ],
)
def test_every_key_of_a_config_is_listed(overrides: list[str]) -> None:
    known = {setting.key for setting in list_settings()}
    assert flat(load_config(overrides=overrides).model_dump()) <= known


def test_defaults_are_those_of_the_config() -> None:
    config = RunConfig().model_dump(mode="json")
    for setting in list_settings():
        if setting.types or "*" in setting.key or setting.is_table or setting.key == "method.type":
            continue
        value: Any = config
        for part in setting.key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if setting.default and not setting.key.startswith("evaluation.independent_embedding."):
            assert parse_override(f"key={setting.default}") == {"key": value}, setting.key


def test_a_setting_that_types_share_is_said_once() -> None:
    first, *others = settings_at("method.num_generations")
    assert first.types == {"method": ("rlsr", "sgrpo", "rlpt")}
    assert first.value == "a whole number, at least 2; default 8"
    assert {setting.types["method"] for setting in others} == {("rank",), ("osft",), ("raft",), ("dpo",), ("reward_model",)}  # fmt: skip
    (shared,) = settings_at("method.max_response_tokens")
    assert shared.where == ""


@pytest.mark.parametrize(
    ("key", "same_as"),
    [
        ("stages.1.training.steps", "training.steps"),
        ("reward.members.mine.reward.pattern", "reward.pattern"),
        ("stages.0.reward.members.mine.reward.pattern", "reward.pattern"),
        ("monitors.length.action", "monitors.*.action"),
        ("evaluation.suites.ifeval.path", "evaluation.suites.*.path"),
        ("tracking.0.experiment", "tracking.*.experiment"),
        ("reward.members.mine.weight", "reward.members.*.weight"),
    ],
)
def test_a_key_with_names_is_that_of_the_config(key: str, same_as: str) -> None:
    (setting,) = settings_at(key)
    assert setting.key == same_as


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("training.stebs", "did you mean training.steps"),
        ("method.num_generation", "did you mean method.num_generations"),
        ("num_generations", "did you mean method.num_generations or forecast.num_generations"),
        ("trainig", "did you mean training"),
        ("model.lora.steps", "did you mean training.steps"),
        ("zzz", "`rlsr config explain` lists the tables"),
        ("", "`rlsr config explain` lists the tables"),
        ("training.", "unknown setting"),
    ],
)
def test_a_typo_is_answered_by_the_nearest(key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_at(key)


def test_a_table_lists_its_settings() -> None:
    assert [one.key for one in settings_below("model.lora")] == [
        "model.lora.rank",
        "model.lora.alpha",
        "model.lora.dropout",
    ]
    assert {one.key for one in settings_below("")} == {*RunConfig.model_fields, "stages"}
    assert settings_at("stages.1") == settings_at("stages")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 2}, "a whole number, at least 2"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number, above 0, at most 1"),
        ({"type": "number", "minimum": 1e-9}, "a number, at least 1e-09"),
        ({"type": "integer", "maximum": 1_000_000}, "a whole number, at most 1,000,000"),
        ({"enum": ["a", "b"]}, "one of a, b"),
        ({"const": "a"}, "a"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, "a whole number, at least 1, or null"),
        ({"anyOf": [{"const": "auto"}, {"anyOf": [{"enum": ["a"]}, {"type": "null"}]}]}, "one of auto, a, or null"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "a list, at least 2 long, each text"),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 2}, "a list of 2, each a number"),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/X"}}, "tables by name"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "a table, each value text"),
        ({}, "anything"),
    ],
)  # fmt: skip
def test_kinds_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind_in_words(schema) == words


@pytest.mark.parametrize(
    ("default", "words"), [("auto", "auto"), ("", '""'), (None, "null"), (1e-6, "1e-06"), ({}, "")]
)
def test_defaults_in_words(default: Any, words: str) -> None:
    assert default_in_words({"default": default}) == words


def test_the_page_and_the_names_are_those_of_the_classes() -> None:
    spec = importlib.util.spec_from_file_location("settings", ROOT / ".ci" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run `make settings`"
    assert FILE.read_text(encoding="utf-8") == script.names(), "run `make settings`"


def test_names_complete_down_to_the_next_dot() -> None:
    assert "method" in list(complete_key("me"))
    assert list(complete_key("model.l")) == ["model.lora"]
    assert list(complete_setting("model.l")) == ["model.lora."]
    assert list(complete_setting("training.st")) == ["training.steps="]
    assert list(complete_setting("training.steps=4")) == []
    assert list(complete_setting("zzz")) == []
