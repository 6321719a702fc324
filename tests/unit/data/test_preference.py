"""Better and worse answers: every way in which a row can hold them, and every way in which they can be bad."""

import json
from pathlib import Path

import pytest

from rlsr.config.data import ColumnNames, DataConfig
from rlsr.data import load_dataset
from rlsr.data.convert import to_entry
from rlsr.data.layouts import LayoutName, resolve_layout
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import MarkedRecord, Problem, RawRow
from rlsr.errors import DataError

SYSTEM = {"role": "system", "content": "S"}
USER = {"role": "user", "content": " Q\n"}
EARLIER = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def convert(value: object, columns: ColumnNames | None = None) -> MarkedRecord | Problem:
    row = RawRow("f:7", value)
    names = columns or ColumnNames()
    return to_entry(row, resolve_layout([row], layout="auto", columns=names, source="f"))


def record(value: object, columns: ColumnNames | None = None) -> PromptRecord:
    entry = convert(value, columns)
    assert isinstance(entry, MarkedRecord), entry
    return entry.record


def line(value: object, columns: ColumnNames | None = None) -> str:
    entry = convert(value, columns)
    assert isinstance(entry, Problem), entry
    return entry.line.removeprefix("f:7: ")


@pytest.mark.parametrize(
    "value",
    [
        {"prompt": " Q\n", "chosen": "\tA ", "rejected": " B\n"},
        {"prompt": [USER], "chosen": "\tA ", "rejected": " B\n"},
        {"prompt": [USER], "chosen": [answer("\tA ")], "rejected": [answer(" B\n")]},
        {"prompt": " Q\n", "chosen": [answer("\tA ")], "rejected": " B\n"},
        {"chosen": [USER, answer("\tA ")], "rejected": [USER, answer(" B\n")]},
        {"prompt": " Q\n", "chosen": [USER, answer("\tA ")], "rejected": [USER, answer(" B\n")]},
        {"prompt": [USER], "chosen": [USER, answer("\tA ")], "rejected": [answer(" B\n")]},
        {"prompt": None, "chosen": [USER, answer("\tA ")], "rejected": " B\n"},
    ],
)
def test_every_form_of_a_pair_keeps_the_text_as_it_is(value: object) -> None:
    assert record(value) == PromptRecord(
        id="line 7",
        messages=(Message("user", " Q\n"),),
        reference="\tA ",
        location="f:7",
        rejected=" B\n",
    )


def test_earlier_turns_and_system_messages_belong_to_the_prompt() -> None:
    turns = [SYSTEM, *EARLIER, USER]
    expected = tuple(Message(turn["role"], turn["content"]) for turn in turns)  # type: ignore[arg-type]
    pair = {"chosen": [*turns, answer("A")], "rejected": [*turns, answer("B")]}
    assert record(pair).messages == expected
    assert record({**pair, "prompt": " Q\n"}).messages == expected
    bare = {"chosen": [*turns[1:], answer("A")], "rejected": [*turns[1:], answer("B")]}
    assert record({**bare, "system": "S"}).messages == expected


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        ("prompt_response", {"prompt": "Q", "response": "A"}),
        ("prompt_completion", {"prompt": [USER], "completion": [answer("A")]}),
        ("instruction", {"instruction": "Q", "output": "A"}),
        ("messages", {"messages": [USER, answer("A")]}),
        ("conversations", {"conversations": [{"from": "human", "value": "Q"}, answer("A")]}),
    ],
)
def test_every_other_layout_keeps_a_rejected_answer(
    layout: LayoutName, value: dict[str, object]
) -> None:
    assert record(value).rejected is None
    assert record({**value, "rejected": " "}).rejected is None, "an empty cell of a table is none"
    assert record({**value, "rejected": " B"}).rejected == " B"
    assert record({**value, "rejected": [answer(" B")]}).rejected == " B"
    row = RawRow("f:7", {**value, "rejected": "B"})
    found = resolve_layout([row], layout="auto", columns=ColumnNames(), source="f")
    assert (found.name, found.rejected_required) == (layout, False)


def test_sets_of_pairs_that_are_sft_sets_too_are_read_as_pairs() -> None:
    pair = {"prompt": "Q", "chosen": [{**USER, "content": "Q"}, answer("A")], "rejected": "B"}
    found = record({**pair, "messages": [{**USER, "content": "Q"}, answer("A")]})
    assert (found.reference, found.rejected) == ("A", "B")


def test_columns_can_have_other_names() -> None:
    columns = ColumnNames(prompt="question", response="best", rejected="worst")
    found = record({"question": "Q", "best": "A", "worst": "B"}, columns)
    assert (found.prompt, found.reference, found.rejected) == ("Q", "A", "B")
    assert line({"question": "Q", "best": "A"}, columns) == (
        "missing field: `worst` is missing, the row has `question`, `best`; add it or remove the row"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"prompt": "Q", "chosen": "A", "rejected": " "},
            "empty response: `rejected` holds no text; write an answer or remove the row",
        ),
        (
            {"prompt": "Q", "chosen": "A", "rejected": None},
            "missing field: `rejected` is null; fill it or remove the row",
        ),
        (
            {"prompt": "Q", "chosen": "", "rejected": "B"},
            "empty response: `chosen` holds no text; write an answer or remove the row",
        ),
        (
            {"prompt": "Q", "chosen": "A", "rejected": 3},
            "wrong type: `rejected` must be text, got a number (3); put the text in quotes",
        ),
        (
            {"prompt": "Q", "chosen": "A\n", "rejected": " A"},
            "same response: `rejected` is the same text as the better answer, so there is nothing "
            "to prefer; replace one of the two or remove the row",
        ),
        (
            {"prompt": "Q", "response": "A", "rejected": "A"},
            "same response: `rejected` is the same text as the better answer, so there is nothing "
            "to prefer; replace one of the two or remove the row",
        ),
        (
            {"chosen": [USER, answer("A")], "rejected": [*EARLIER, USER, answer("B")]},
            "prompt mismatch: the turns before the answer in `rejected` are not the prompt of the "
            "better answer; give both answers the same prompt or remove the row",
        ),
        (
            {"prompt": "P", "chosen": [USER, answer("A")], "rejected": [USER, answer("B")]},
            "prompt mismatch: `prompt` is not the prompt that the turns of `chosen` begin with; "
            "remove one of the two, or remove the row",
        ),
        (
            {"prompt": EARLIER, "chosen": [USER, answer("A")], "rejected": [USER, answer("B")]},
            "prompt mismatch: `prompt` is not the prompt that the turns of `chosen` begin with; "
            "remove one of the two, or remove the row",
        ),
        (
            {"chosen": "A", "rejected": "B"},
            "missing field: `prompt` is missing, the row has `chosen`, `rejected`; "
            "add it or remove the row",
        ),
        (
            {"chosen": [USER, answer("A")], "rejected": [USER]},
            "bad conversation: `rejected` ends with a user turn, so there is no answer; "
            "add an assistant turn or remove the row",
        ),
        (
            {"chosen": [answer("A"), answer("A")], "rejected": "B"},
            "bad conversation: the prompt must end with a user turn, ends with one of the role "
            "assistant; the reference must answer the user: join or remove turns",
        ),
    ],
)
def test_bad_pairs(value: object, expected: str) -> None:
    assert line(value) == expected


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_the_report_counts_rejected_answers(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"prompt": f"Q{n}", "response": "A"} for n in range(5)]
    path = tmp_path / "my.jsonl"
    config = DataConfig(path=write(path, rows), heldout=1)
    assert load_dataset(config).report.num_rejected == 0
    for row in rows[:3]:
        row["rejected"] = "B"
    write(path, rows)
    assert load_dataset(config).report.num_rejected == 3


def test_the_hash_sees_rejected_answers(tmp_path: Path) -> None:
    config = DataConfig(path=str(tmp_path / "my.jsonl"), heldout=0)
    hashes = []
    for rejected in (None, "B", "C"):
        row: dict[str, object] = {"prompt": "Q", "response": "A", "rejected": rejected}
        write(tmp_path / "my.jsonl", [row])
        hashes.append(load_dataset(config).sha256)
    assert len(set(hashes)) == 3
    # What it was before there were rejected answers: runs that were begun then can be resumed.
    write(tmp_path / "my.jsonl", [{"prompt": "Q", "response": "A"}])
    assert hashes[0] == load_dataset(config).sha256 == HASH_WITHOUT_PAIRS


HASH_WITHOUT_PAIRS = "bf8b39dd93a185b16a748cbaa7316b99929a029fa696d13c32561f3606d61655"


def test_two_pairs_for_one_prompt(tmp_path: Path) -> None:
    pair: dict[str, object] = {"prompt": "Q", "chosen": "A", "rejected": "B"}
    path = tmp_path / "my.jsonl"
    rows = [pair, {**pair, "rejected": "C"}, {**pair, "chosen": "B", "rejected": "A"}, pair]
    config = DataConfig(path=write(path, rows), heldout=0)
    found = load_dataset(config)
    assert [(row.references, row.rejected) for row in found.train] == [
        (("A",), "B"),
        (("A",), "C"),
        (("B",), "A"),
    ], "merging would lose pairs"
    assert (found.report.num_merged, found.report.num_repeated) == (0, 1)
    with pytest.raises(DataError, match="with another rejected answer; keep one of the two"):
        load_dataset(config.model_copy(update={"same_prompt": "error"}))


def test_a_row_without_a_rejected_answer_stays_apart_from_a_pair(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"prompt": "Q", "response": "A", "rejected": "B"},
        {"prompt": "Q", "response": "C"},
        {"prompt": "Q", "response": "D"},
    ]
    found = load_dataset(DataConfig(path=write(tmp_path / "my.jsonl", rows), heldout=0))
    assert [row.references for row in found.train] == [("A",), ("C", "D")]
