"""Whatever stands in a file, it is read, or one message says what is wrong with it."""

import pytest
from hypothesis import HealthCheck, given, settings

from mutants import mutants
from reader import Reader, check
from readers import READERS, reader

NUM_INPUTS = 5000
"""Of the slow test, a reader: more than 100,000 for all together."""
HEAVY = 20
"""How many times fewer inputs a heavy reader gets."""


def try_mutants(what: Reader, num: int) -> None:
    """Let a reader read files that are a few changes away from right ones."""
    num = num // HEAVY if what.is_heavy else num

    @settings(max_examples=num, suppress_health_check=list(HealthCheck))
    @given(mutants(what.seeds, what.is_json))
    def read(content: bytes) -> None:
        check(what, content)

    read()


@pytest.mark.parametrize("name", READERS)
def test_right_files_are_read(name: str) -> None:
    for seed in reader(name).seeds:
        reader(name).read(seed)


@pytest.mark.parametrize("name", READERS)
def test_changed_files_are_read_or_refused(name: str) -> None:
    try_mutants(reader(name), 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_changed_files_are_read_or_refused(name: str) -> None:
    try_mutants(reader(name), NUM_INPUTS)
