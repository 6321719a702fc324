"""Dataclasses as JSON and back, with null for what was not scored."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from rlsr.config.data import DataConfig
from rlsr.runs.typed_json import from_table, to_table

NAN = float("nan")


@dataclass(frozen=True)
class Inner:
    mean: float
    low: float | None
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    name: str
    one: Inner
    maybe: Inner | None
    several: tuple[Inner, ...]
    by_name: Mapping[str, float]
    lists: Mapping[str, tuple[float, ...]]
    free: Mapping[str, Any]


def outer(mean: float, low: float | None) -> Outer:
    inner = Inner(mean, low)
    return Outer("x", inner, inner, (inner,), {"a": mean}, {"b": (mean, 1.5)}, {"c": [None]})


def test_it_comes_back_as_it_was() -> None:
    value = outer(0.5, 0.25)
    assert from_table(Outer, json.loads(json.dumps(to_table(value)))) == value


def test_null_is_nan_where_a_number_stands_and_none_where_it_may_be_missing() -> None:
    written = json.dumps(to_table(outer(NAN, None)), allow_nan=False)
    found = from_table(Outer, json.loads(written))
    assert found.maybe is not None
    numbers = [found.one.mean, found.maybe.mean, found.several[0].mean, found.by_name["a"]]
    assert all(map(math.isnan, [*numbers, found.lists["b"][0]]))
    assert found.lists["b"][1] == 1.5
    assert [found.one.low, found.maybe.low, found.several[0].low] == [None] * 3
    assert found.free == {"c": [None]}, "what has no type stays as it is"


def test_what_is_missing_as_a_whole_is_none() -> None:
    table = {**to_table(outer(0.5, None)), "maybe": None}
    assert from_table(Outer, table).maybe is None


@pytest.mark.parametrize("value", [NAN, math.inf, -math.inf, np.float64("nan")])
def test_no_number_that_json_does_not_have_is_written(value: float) -> None:
    assert to_table({"a": [value, {"b": (value,)}]}) == {"a": [None, {"b": [None]}]}


def test_other_number_types_and_configs_become_plain_data() -> None:
    table = to_table({"number": np.float64(0.5), "config": DataConfig(path="a.jsonl")})
    assert type(table["number"]) is float
    assert table["config"]["path"] == "a.jsonl"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"mean": "high", "low": None}, "mean: input should be a valid number"),
        ({"low": 1}, "mean: field required"),
        ({"mean": 1, "low": 1, "kind": "c"}, "kind: input should be 'a' or 'b'"),
        ([1], "input should be a dictionary or an instance of Inner"),
        (None, "input should be a dictionary or an instance of Inner"),
    ],
    ids=str,
)
def test_the_first_mistake_is_named_in_one_line(table: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message) as caught:
        from_table(Inner, table)
    assert "\n" not in str(caught.value)


def test_a_place_deep_inside_is_named() -> None:
    table = to_table(outer(0.5, None))
    table["several"] = [{"mean": None, "low": "x"}]
    with pytest.raises(ValueError, match=r"^several\.0\.low"):
        from_table(Outer, table)
