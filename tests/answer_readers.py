"""Readers of answers, which policies write, and of the schemas that they are held against."""

import json
from collections.abc import Callable

from reader import Reader, file_of
from rlsr.answers import places
from rlsr.answers.choices import read_choice
from rlsr.answers.numbers import find_numbers, read_number
from rlsr.answers.schemas import NoJson, find_json, fits_schema
from rlsr.config import load_config
from rlsr.rewards import reward_kind
from rlsr.rewards.verifiers.exact import without_differences


def _answer(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    for found in (places.boxed(text), places.inside_tag(text, "a"), places.behind(text, "#")):
        assert found is None or found in text, "a part of the text"
    assert all(find_numbers(number.text) == [number] for number in find_numbers(text))
    read_number(text, "comma")
    assert read_choice(text, "ABCDE", {"A": text[:9], "B": "b"}) in {*"ABCDE", None}
    once = without_differences(text, ("case", "white_space", "punctuation"))
    assert without_differences(once, ("white_space",)) == once, "nothing is left to leave out"
    try:
        value = find_json(text, "any")
    except NoJson:
        assert fits_schema(text, "any", True) is None
    else:
        assert find_json(json.dumps(value), "whole") == value


def _schema(content: bytes) -> None:
    path = file_of("schema.json", content)
    config = load_config(overrides=[f"reward={{type: json_schema, file: {path}}}"])
    reward_kind(config).check(config, [])
    fits_schema('{"a": [1, "b", null]}', "any", json.loads(content))


_ANSWERS = tuple(
    text.encode()
    for text in (
        "9 * 2 = $1,234.50\n#### -18", "so \\boxed{\\frac{1}{2}} or 1 1/2 or 50%", "<a>5</a> The answer is (B).", "**C)** 1.5e-3 \u22125 \u00bd",
        'Look:\n```json\n{"a": [1, null]}\n```', '[1, {"b": "c"}]',
    )
)  # fmt: skip
_SCHEMAS = (
    b'{"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/x"}}}, "required": ["a"], "$defs": {"x": {"minimum": 0}}}',
    b'{"$schema": "http://json-schema.org/draft-07/schema#", "anyOf": [{"enum": [1, "a"]}, {"pattern": "^a+$", "maxLength": 5}], "not": {"const": null}}',
)
ANSWER_READERS: dict[str, Callable[[], Reader]] = {
    "verified answer": lambda: Reader(_ANSWERS, _answer),
    "schema": lambda: Reader(_SCHEMAS, _schema, is_json=True, is_heavy=True),
}
