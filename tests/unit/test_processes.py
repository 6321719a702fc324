"""Processes that train together, as far as one can see them alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.errors import EngineError
from rlsr.processes import (
    ALONE,
    Processes,
    is_first_of_machine,
    is_main_process,
    join_processes,
    require_one_process,
)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_shares_are_all_items_once_and_merge_in_order(items: list[int], count: int) -> None:
    shares = [Processes(index, count).share(items) for index in range(count)]
    assert sorted(item for share in shares for item in share) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1

    class First(Processes):
        """The first process, told what the others have."""

        def gather(self, own: object) -> list:  # type: ignore[type-arg]
            return [own, *shares[1:]]

    assert First(0, count).merge(shares[0]) == items


def test_alone_nothing_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_processes("cpu") is ALONE
    assert ALONE.is_main
    assert ALONE.gather("own") == ["own"]
    assert ALONE.from_main(3) == 3
    assert ALONE.share([1, 2, 3]) == [1, 2, 3]
    ALONE.wait()


@pytest.mark.parametrize(
    ("count", "device", "local", "expected"),
    [(1, "cpu", None, 1), (4, "cpu", None, 4), (16, "cpu", "8", 8), (16, "cuda", "8", 1)],
)
def test_who_shares_the_memory(
    count: int, device: str, local: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if local is not None:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
    assert Processes(0, count).sharing_memory(device) == expected


@pytest.mark.parametrize(
    ("rank", "local", "main", "first"),
    [
        (None, None, True, True),
        ("0", "0", True, True),
        ("8", "0", False, True),
        ("9", "1", False, False),
    ],
)
def test_one_process_speaks_and_one_of_each_machine_says_what_is_missing_there(
    rank: str | None, local: str | None, main: bool, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", rank), ("LOCAL_RANK", local)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert is_main_process() == main
    assert is_first_of_machine() == first


def test_some_commands_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    require_one_process("rlsr audit")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(EngineError, match=r"rlsr audit: runs in one process, .* started 2"):
        require_one_process("rlsr audit")
