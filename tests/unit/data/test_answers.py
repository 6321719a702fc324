"""No column is taken for the reference while another one is; answers that were judged wrong are no references."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from rlsr.config.data import ColumnNames, DataConfig
from rlsr.data import Dataset, load_dataset
from rlsr.data.answers import check_judgement
from rlsr.data.turns import RowFault
from rlsr.errors import DataError

CHAT = [{"role": "user", "content": "Q{}"}, {"role": "assistant", "content": "WRONG{}"}]
CHOSEN = {"chosen": "WRONG{}", "rejected": "WORSE{}"}
BOTH = {"prompt": "Q{}", "response": "WRONG{}", "reference": "RIGHT{}"}


def load(path: Path, rows: list[dict[str, Any]], **settings: Any) -> Dataset:
    file = path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_dataset(DataConfig(path=str(file), heldout=0, **settings))


def rows_of(row: dict[str, Any], count: int = 3) -> list[dict[str, Any]]:
    """Write rows that differ, from one with a place for the number."""
    return [json.loads(json.dumps(row).replace("{}", str(number))) for number in range(count)]


def references(dataset: Dataset) -> list[str]:
    return [text for record in dataset.train for text in record.references]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q{}", "reference": "RIGHT{}"},
        BOTH,
        {**BOTH, "is_correct": False},
        {**BOTH, "label": False, "score": 0.1},
        {"prompt": "Q{}", "completion": "WRONG{}", "reference": "RIGHT{}"},
        {"prompt": "Q{}", "completion": "WRONG{}", "response": "WRONG{}", "reference": "RIGHT{}"},
        {"instruction": "Q{}", "input": "", "output": "WRONG{}", "reference": "RIGHT{}"},
        {"prompt": CHAT[:1], "completion": CHAT[1:], "reference": "RIGHT{}"},
        {"prompt": CHAT[:1], "response": "WRONG{}", "reference": [{"role": "assistant", "content": "RIGHT{}"}]},
        {**BOTH, "answer": "WRONG{}", "references": ["WRONG{}"], "target": "WRONG{}"},
    ],
)  # fmt: skip
def test_the_column_reference_is_the_reference(tmp_path: Path, row: dict[str, Any]) -> None:
    dataset = load(tmp_path, rows_of(row))
    assert references(dataset) == ["RIGHT0", "RIGHT1", "RIGHT2"]
    assert dataset.report.answer_column == "reference"


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ({"messages": CHAT, "reference": "RIGHT{}"}, ["`reference` stands beside `messages`", "data.layout=messages"]),
        ({"conversations": CHAT, "reference": "RIGHT{}"}, ["`reference` stands beside `conversations`"]),
        ({"chosen": CHAT, "rejected": CHAT, "reference": "RIGHT{}"}, ["`reference` stands beside `chosen`", "data.columns.response"]),
        ({"prompt": "Q{}", **CHOSEN, "reference": "RIGHT{}"}, ["prompt_response", "preference equally well", "data.layout"]),
        ({"prompt": "Q{}", **CHOSEN, "response": "RIGHT{}"}, ["prompt_response and preference equally well"]),
        ({"prompt": "Q{}", **CHOSEN, "completion": "RIGHT{}"}, ["prompt_completion and preference equally well"]),
        ({"instruction": "Q{}", "prompt": "Q{}", **CHOSEN, "output": "RIGHT{}"}, ["instruction and preference equally well"]),
        ({"prompt": "Q{}", **CHOSEN, "messages": CHAT[:1]}, ["messages and preference equally well"]),
        ({"prompt": "Q{}", "response": "WRONG{}", "completion": "RIGHT{}"}, ["prompt_response and prompt_completion equally well"]),
        ({"prompt": "Q{}", "response": "WRONG{}", "messages": CHAT, "reference": "RIGHT{}"}, ["prompt_response and messages equally well"]),
        ({"prompt": "Q{}", "response": "WRONG{}", "is_correct": False}, ["judged wrong: `is_correct` says", "`response` is wrong"]),
        ({"prompt": "Q{}", "response": "WRONG{}", "is_correct": "False"}, ["judged wrong"]),
        ({"prompt": "Q{}", "response": "WRONG{}", "is_correct": 0}, ["judged wrong"]),
        ({"prompt": "Q{}", "completion": "WRONG{}", "label": False}, ["judged wrong: `label` says", "`completion` is wrong"]),
        ({"instruction": "Q{}", "output": "WRONG{}", "score": False}, ["judged wrong: `score` says"]),
        ({"messages": CHAT, "label": False}, ["judged wrong"]),
    ],
)  # fmt: skip
def test_what_may_be_the_wrong_answer_is_asked_about(
    tmp_path: Path, row: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, rows_of(row))
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("row", "settings", "expected"),
    [
        (BOTH, {"columns": ColumnNames(response="response")}, "WRONG"),
        ({**BOTH, "is_correct": False}, {"columns": ColumnNames(response="response")}, "WRONG"),
        (BOTH, {"layout": "prompt_response"}, "RIGHT"),
        ({"prompt": "Q{}", "completion": "WRONG{}", "label": False}, {"columns": ColumnNames(response="completion")}, "WRONG"),
        ({"question": "Q{}", "response": "WRONG{}", "reference": "RIGHT{}"}, {"columns": ColumnNames(prompt="question")}, "RIGHT"),
        ({"messages": CHAT, "reference": "RIGHT{}"}, {"layout": "messages"}, "WRONG"),
        ({"messages": CHAT[:1], "reference": "RIGHT{}"}, {"columns": ColumnNames(prompt="messages", response="reference")}, "RIGHT"),
        ({"prompt": "Q{}", **CHOSEN, "reference": "RIGHT{}"}, {"layout": "preference"}, "WRONG"),
        ({"prompt": "Q{}", **CHOSEN, "reference": "RIGHT{}"}, {"columns": ColumnNames(response="reference")}, "RIGHT"),
    ],
)  # fmt: skip
def test_the_config_has_the_last_word(
    tmp_path: Path, row: dict[str, Any], settings: dict[str, Any], expected: str
) -> None:
    assert references(load(tmp_path, rows_of(row), **settings)) == [f"{expected}{n}" for n in "012"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q{}", "response": " RIGHT{} ", "chosen": "RIGHT{}", "rejected": "WRONG{}"},
        {"messages": [CHAT[0], {"role": "assistant", "content": "RIGHT{}"}], "reference": "RIGHT{}"},
        {"prompt": "Q{}", "response": "RIGHT{}", "is_correct": True, "label": "False", "score": 0},
        {"prompt": "Q{}", "response": "RIGHT{}", "reference": None},
        {"prompt": "Q{}", "response": "RIGHT{}", "reference": "\u200b", "references": []},
    ],
)  # fmt: skip
def test_what_is_the_same_or_absent_stands_in_nobodys_way(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    assert references(load(tmp_path, rows_of(row))) == ["RIGHT0", "RIGHT1", "RIGHT2"]


@pytest.mark.parametrize("layout", ["auto", "prompt_response"])
def test_a_reference_behind_the_first_rows_is_not_passed_over(tmp_path: Path, layout: str) -> None:
    plain = rows_of({"prompt": "P{}", "response": "RIGHT{}"}, 200)
    dataset = load(tmp_path, [*plain, *rows_of(BOTH, 1)], layout=layout)
    (problem,) = dataset.report.skipped
    assert problem.line.endswith(
        "rows.jsonl:201: two answers: `reference` stands beside `response`, but not in the first rows; give all rows a "
        "`reference`, or name the column that is meant in data.columns.response"
    )


def test_wrong_answers_can_be_left_out(tmp_path: Path) -> None:
    judged = [
        {"prompt": f"Q{number}", "response": f"A{number}", "is_correct": number % 2 == 0}
        for number in range(6)
    ]
    dataset = load(tmp_path, judged, on_bad_row="skip")
    assert references(dataset) == ["A0", "A2", "A4"]


def test_what_is_read_and_what_is_not_is_said(tmp_path: Path) -> None:
    row = {"prompt": "Q{}", "input": "more", "response": "A{}", "answer": "B", "score": 0.5}
    report = load(tmp_path, rows_of(row)).report
    assert report.answer_in_words == (
        "references are read from `response`; no part of prompts or references: `input`, `answer`, `score`"
    )
    plain = load(tmp_path, rows_of({"prompt": "Q{}", "response": "A{}", "history": ""})).report
    assert plain.answer_in_words == "references are read from `response`"
    alpaca = {"instruction": "Q{}", "input": "more", "output": "A{}", "history": [["a", "b"]]}
    assert load(tmp_path, rows_of(alpaca)).report.beside == ()


@pytest.mark.parametrize("column", ["is_correct", "label", "score"])
@pytest.mark.parametrize("value", [True, 1, 0.5, "yes", "True", None, "", 7])
def test_a_judgement_that_is_not_against_an_answer_lets_it_pass(column: str, value: object) -> None:
    check_judgement({column: value}, "response")


def test_judgements_are_none_of_the_reference() -> None:
    for column, value in itertools.product(["is_correct", "label", "score"], [False]):
        check_judgement({column: value}, "reference")
        with pytest.raises(RowFault, match="put a right answer into a column `reference`"):
            check_judgement({column: value}, "response")
