"""What recipes leave to a choice, as an experiment writes it."""

from typing import Any

import pytest

from rlsr.comparison.choose import (
    as_table,
    combinations,
    in_words,
    read_settings,
    with_values,
    with_values_of,
)
from rlsr.errors import ConfigError

RATE = "training.learning_rate"


def test_settings_may_be_dotted_or_nested_and_the_later_spelling_holds() -> None:
    assert read_settings({RATE: [1, 2], "training": {"warmup_steps": [0]}}) == {
        RATE: [1, 2],
        "training.warmup_steps": [0],
    }
    assert read_settings({RATE: [1, 2], "training": {"learning_rate": [3]}}) == {RATE: [3]}


@pytest.mark.parametrize(
    ("choose", "parts"),
    [
        ({}, ["choose: has no settings", "as in choose: {training.learning_rate"]),
        ({"training": {}}, ["choose: has no settings"]),
        ({RATE: []}, [f"choose: {RATE}: must be a list of values", "got none"]),
        ({RATE: 3}, [f"choose: {RATE}: must be a list of values", "got 3"]),
        ({RATE: "[1, 2]"}, ["got '[1, 2]'"]),
        ({RATE: [1, 2, 1]}, [f"choose: {RATE}", "differ from each other", "got [1, 2, 1]"]),
        ({"training.": [1]}, ["dotted name", "'training.'"]),
        (
            {RATE: [1, 2, 3, 4, 5], "training.warmup_steps": [0, 1, 2, 3, 4]},
            ["at most 24 combinations", "got 5 x 5 = 25", "leave values out"],
        ),
    ],
    ids=str,
)
def test_what_is_no_choice_is_refused(choose: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(choose)
    for part in parts:
        assert part in str(caught.value)


def test_24_combinations_are_allowed() -> None:
    assert len(combinations(read_settings({"a": list(range(4)), "b": list(range(6))}))) == 24


def test_the_last_setting_changes_first() -> None:
    found = combinations({"a": [1, 2], "b": [None, {"rank": 8}]})
    assert found == [
        {"a": 1, "b": None},
        {"a": 1, "b": {"rank": 8}},
        {"a": 2, "b": None},
        {"a": 2, "b": {"rank": 8}},
    ]
    assert in_words(found[3]) == 'a=2, b={"rank": 8}'
    assert in_words({RATE: 2e-5, "reward": "cosine"}) == f"{RATE}=2e-05, reward=cosine"


def test_dotted_names_become_tables_in_one_another() -> None:
    assert as_table({"a.b": 1, "a.c.d": [2], "e": 3}) == {"a": {"b": 1, "c": {"d": [2]}}, "e": 3}


def test_values_reach_a_recipe_and_single_stages_of_it() -> None:
    assert with_values({"method": "sft"}, {RATE: 1.0}) == {
        "method": {"type": "sft"},
        "training": {"learning_rate": 1.0},
    }
    both: dict[str, Any] = {"method": ["sft", "rlsr"]}
    found = with_values(both, {f"stages.1.{RATE}": 1.0, "budget_share": [0.25, 0.75]})
    assert found["stages"][0] == {"method": {"type": "sft"}}
    assert found["stages"][1]["training"] == {"learning_rate": 1.0}
    assert found["budget_share"] == [0.25, 0.75]
    assert both == {"method": ["sft", "rlsr"]}


@pytest.mark.parametrize(
    ("own", "values", "part"),
    [
        ({"method": "sft", "training": {"learning_rate": 1}}, {RATE: 2}, "a value of its own"),
        ({"stages": [{"method": "sft", "training": {"learning_rate": 1}}]}, {f"stages.0.{RATE}": 2}, "a value of its own"),
        ({"stages": [{"method": "sft", "training": {"learning_rate": 1}}]}, {RATE: 2}, "every stage has its own"),
        ({"method": ["sft", "rlsr"]}, {f"stages.2.{RATE}": 2}, "stages are counted from 0"),
        ({"method": "sft"}, {f"stages.0.{RATE}": 2}, "has no stages"),
    ],
    ids=str,
)  # fmt: skip
def test_a_choice_that_changes_nothing_is_refused(
    own: dict[str, Any], values: dict[str, Any], part: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        with_values(own, values)
    assert part in str(caught.value)


def test_what_another_recipe_has_chosen_goes_to_the_stages_of_its_method() -> None:
    methods = ["sft", "rlsr", "sft"]
    found = with_values_of({"method": methods}, {RATE: 1.0}, methods, "sft")
    rates = [stage.get("training") for stage in found["stages"]]
    assert rates == [{"learning_rate": 1.0}, None, {"learning_rate": 1.0}]
    alone = with_values_of({"method": "sft"}, {RATE: 1.0}, ["sft"], "sft")
    assert alone["training"] == {"learning_rate": 1.0}
    with pytest.raises(ConfigError, match=r"goes to the stages of that method.*only rlsr, dft"):
        with_values_of({"method": ["rlsr", "dft"]}, {RATE: 1.0}, ["rlsr", "dft"], "sft")
    own = {"stages": [{"method": "sft", "training": {"learning_rate": 1}}, {"method": "rlsr"}]}
    with pytest.raises(ConfigError, match=r"stages\.0\.training\.learning_rate: .*of its own"):
        with_values_of(own, {RATE: 1.0}, ["sft", "rlsr"], "sft")
