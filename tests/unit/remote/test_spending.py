"""The account of a run: it outlives processes, and what it has counted stays counted."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.remote import Budget
from rlsr.errors import RunError
from rlsr.remote.spending import FILE, Account, Spent, current_account, spending_in, spent_so_far

AMOUNTS = st.builds(Spent, st.integers(0, 5), st.integers(0, 900), st.integers(0, 5))


@given(st.lists(st.tuples(st.sampled_from("ab"), AMOUNTS), max_size=8))
def test_all_that_is_added_is_there(entries: list[tuple[str, Spent]]) -> None:
    account = Account()
    for place, what in entries:
        assert account.add(place, what)
    for place in "ab":
        assert account.spent(place) == sum((what for at, what in entries if at == place), Spent())
    assert account.total() == account.spent("a") + account.spent("b")


@pytest.mark.parametrize("in_file", [False, True])
def test_threads_take_no_more_than_there_is(tmp_path: Path, in_file: bool) -> None:
    account = Account(tmp_path / FILE if in_file else None)
    budget = Budget(calls=25)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: account.add("a", Spent(calls=1), within=budget), range(60)))
    assert sum(got) == 25
    assert account.spent("a").calls == 25


def test_processes_take_no_more_than_there_is(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from rlsr.config.remote import Budget; from rlsr.remote.spending import Account, Spent\n"
        "account = Account(Path(sys.argv[1]))\n"
        "print(sum(account.add('a', Spent(calls=1), within=Budget(calls=30)) for _ in range(25)))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / FILE)]
    started = [Popen(command, stdout=PIPE, text=True) for _ in range(2)]
    counts = [int(process.communicate()[0]) for process in started]
    assert sum(counts) == 30
    assert Account(tmp_path / FILE).spent("a") == Spent(calls=30)


@pytest.mark.parametrize(
    ("spent", "budget", "expected"),
    [
        (Spent(9, 99), Budget(), True),
        (Spent(9, 99), Budget(calls=10, tokens=100), True),
        (Spent(10, 99), Budget(calls=10, tokens=100), False),
        (Spent(9, 100), Budget(calls=10, tokens=100), False),
        (Spent(9, 0, 50), Budget(calls=10), True),
    ],
)
def test_what_is_within_a_budget(spent: Spent, budget: Budget, expected: bool) -> None:
    assert spent.is_within(budget) is expected


def test_a_block_counts_for_its_directory(tmp_path: Path) -> None:
    assert (current_account(), spent_so_far()) == (None, Spent())
    with spending_in(tmp_path) as account:
        assert not (tmp_path / FILE).exists(), "where nothing is asked there is no file"
        assert spent_so_far() == Spent()
        account.add("a", Spent(2, 30, 1))
        with spending_in(None) as inner:
            assert current_account() is inner
            assert spent_so_far() == Spent()
        assert spent_so_far() == Spent(2, 30, 1)
    assert current_account() is None
    with spending_in(tmp_path):
        assert spent_so_far().in_words == "2 calls with 30 tokens; 1 answers were known"


@pytest.mark.parametrize("content", [b"no database" * 99, None])
def test_an_account_that_cannot_be_read_ends_the_run(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / FILE
    if content is None:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE spent (other TEXT)")
        connection.close()
    else:
        file.write_bytes(content)
    for use in (Account(file).total, lambda: Account(file).add("a", Spent(1))):
        with pytest.raises(RunError) as caught:
            use()
        assert str(caught.value).startswith(f"{file}: what was asked of servers so far cannot be read or written: ")  # fmt: skip
        assert "remove the file, so that every budget begins anew" in str(caught.value)
