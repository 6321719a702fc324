"""The built-in sets."""

import json
from collections import Counter
from itertools import combinations

import pytest

from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.data.builtin import BUILTIN_SETS, open_builtin
from rlsr.errors import DataError


@pytest.mark.parametrize("name", BUILTIN_SETS)
def test_every_set_loads_without_a_bad_row(name: str) -> None:
    dataset = load_dataset(DataConfig(path=f"builtin:{name}"))
    assert dataset.train
    assert dataset.heldout
    assert dataset.train[0].location == f"builtin:{name}:1"
    with open_builtin(name) as stream:
        first = json.loads(stream.readline())
    assert dataset.train[0].prompt == first["prompt"]
    assert dataset.train[0].reference == first["response"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(DataConfig(path="builtin:instruction"))
    assert str(caught.value) == (
        "builtin:instruction: no built-in set of that name; "
        "set `data.path` to one of: builtin:instructions"
    )


def _rows() -> list[dict[str, str]]:
    with open_builtin("instructions") as stream:
        return [json.loads(line) for line in stream]


def test_the_instruction_set_is_varied_and_balanced() -> None:
    rows = _rows()
    assert len(rows) == 360
    categories = Counter(row["category"] for row in rows)
    assert len(categories) == 10
    assert set(categories.values()) == {36}
    heldout = Counter(row["category"] for row in rows if row["split"] == "heldout")
    assert set(heldout.values()) == {9}
    assert len({row["prompt"] for row in rows}) == len({row["response"] for row in rows}) == 360


def test_every_reference_is_plain_prose_of_20_to_60_words() -> None:
    for row in _rows():
        response = row["response"]
        assert 20 <= len(response.split()) <= 60, response
        assert response.isascii(), response
        assert not set(response) & set("\n*#|_`"), response
        assert response[0].isupper() or response[0] in "'\"", response
        assert response[-1] in ".'\"", response


def test_no_prompt_repeats_another_in_other_words() -> None:
    words = [frozenset(row["prompt"].lower().split()) for row in _rows()]
    for first, second in combinations(words, 2):
        assert len(first & second) / len(first | second) <= 0.6
