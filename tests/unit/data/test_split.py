"""Which rows are held out."""

import pytest

from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Mark, MarkedRecord
from rlsr.data.split import choose_heldout
from rlsr.errors import ConfigError, DataError


def rows(*marks: Mark | None) -> list[MarkedRecord]:
    return [
        MarkedRecord(PromptRecord(str(n), (Message("user", f"Q{n}"),), "A", f"f:{n}"), mark)
        for n, mark in enumerate(marks)
    ]


def choose(records: list[MarkedRecord], heldout: float, seed: int = 0) -> list[int]:
    return sorted(choose_heldout(records, heldout=heldout, max_heldout=5, seed=seed))


def test_the_choice_stays_the_same_from_release_to_release() -> None:
    assert choose(rows(*[None] * 20), 3) == [4, 6, 19]


def test_the_seed_changes_the_choice() -> None:
    assert choose(rows(*[None] * 50), 5) != choose(rows(*[None] * 50), 5, seed=1)


@pytest.mark.parametrize(
    ("heldout", "num_heldout"), [(0, 0), (0.0, 0), (0.1, 2), (0.001, 1), (0.9, 5), (7, 7), (3.0, 3)]
)
def test_a_share_or_a_count(heldout: float, num_heldout: int) -> None:
    assert len(choose(rows(*[None] * 20), heldout)) == num_heldout


def test_marked_rows_win() -> None:
    assert choose(rows(None, "heldout", "train", "heldout"), 0.5) == [1, 3]
    assert choose(rows(None, "heldout"), 0) == [1]


def test_rows_marked_train_are_not_chosen() -> None:
    assert choose(rows("train", None, "train", "train"), 1) == [1]


def test_a_set_of_train_rows_alone_is_divided_as_any_other() -> None:
    marks: list[Mark | None] = ["train"] * 10
    assert len(choose(rows(*marks), 0.2)) == 2


def test_near_doubles_are_not_chosen() -> None:
    records = rows(None, None, None)
    double = PromptRecord("3", (Message("user", " q0"),), "A", "f:3")
    assert choose([*records, MarkedRecord(double)], 2) == [1, 2]


def test_nothing_left_to_train_on() -> None:
    with pytest.raises(DataError) as caught:
        choose(rows(None, None), 2)
    assert str(caught.value) == (
        "data.heldout: 2 of 2 usable rows would be held out, which leaves none to train on; "
        "add rows, or set data.heldout=0 or data.heldout_path"
    )


def test_too_few_to_choose_from() -> None:
    with pytest.raises(DataError) as caught:
        choose(rows("train", None, "train", "train"), 2)
    assert str(caught.value) == (
        "data.heldout: 2 rows are to be held out, but only 1 can be: the others are marked `train`, or share a prompt "
        "(case and spacing aside) with more rows than that, and such rows stay together; change data.heldout, or set "
        "data.heldout_path"
    )


def of_prompts(*prompts: str) -> list[MarkedRecord]:
    return [
        MarkedRecord(PromptRecord(str(n), (Message("user", prompt),), f"A{n}", f"f:{n}"))
        for n, prompt in enumerate(prompts)
    ]


def test_whole_prompts_are_chosen_where_single_rows_are_too_few() -> None:
    records = of_prompts(*"aaa", *"bbb", *"ccc", *"ddd", "E", "e")
    for seed in range(20):
        for count in range(2, 9):
            chosen = choose(records, count, seed)
            assert 0 < len(chosen) <= count
            held = {records[index].record.prompt.casefold() for index in chosen}
            assert chosen == [
                index for index, row in enumerate(records) if row.record.prompt.casefold() in held
            ], "a prompt is on one side with all its rows"


def test_no_whole_prompt_fits() -> None:
    with pytest.raises(DataError, match="2 rows are to be held out, but only 0 can be: "):
        choose(of_prompts(*"aaa", *"bbb"), 2)


def test_neither_share_nor_count() -> None:
    with pytest.raises(ConfigError) as caught:
        choose(rows(None, None), 1.5)
    assert str(caught.value) == (
        "data.heldout: must be a share below 1 or a whole number of rows, got 1.5"
    )
