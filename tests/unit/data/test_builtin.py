"""The built-in sets."""

import json

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
