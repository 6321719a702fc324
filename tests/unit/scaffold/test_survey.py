"""What is found out about somebody's data."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsr.config import load_config
from rlsr.errors import DataError
from rlsr.scaffold.survey import LoadedRows, kind_of_answers, load_rows


@pytest.mark.parametrize(
    ("references", "kind"),
    [
        (["12", "-3.5", "$1,200", " 7 ", "50%"], "numbers"),
        (["so it is 4\n#### 4", "then\n#### 1,200"], "numbers at the end"),
        (["Yes", "no", "yes", "No"] * 5, "labels"),
        (["yes", "no"] * 4, "texts"),
        (["It is four.", "The sun."], "texts"),
        (["4"] * 90 + ["four"] * 10, "labels"),
        (["4"] * 96 + ["four"] * 4, "numbers"),
    ],
)
def test_kinds_of_answers(references: list[str], kind: str) -> None:
    assert kind_of_answers(references) == kind


def surveyed(tmp_path: Path, rows: list[dict[str, Any]], *overrides: str) -> LoadedRows:
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_rows(load_config(overrides=[f"data={file}", *overrides]))


def test_columns_of_usual_names_are_guessed(tmp_path: Path) -> None:
    rows = [{"question": f"what is {n}", "answer": f"it is {n} {n}", "source": "x"} for n in range(40)]  # fmt: skip
    found = surveyed(tmp_path, rows)
    assert found.guessed_columns
    assert found.config.data.columns.prompt == "question"
    assert found.dataset.report.num_train == 36


def test_many_bad_rows_are_left_out_and_said(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{n}", "response": "" if n % 4 == 0 else f"r{n}"} for n in range(40)]
    found = surveyed(tmp_path, rows)
    assert found.skips_bad_rows
    assert len(found.dataset.report.skipped) == 10


def test_what_the_user_says_stays(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "answer": f"a{n}", "final": f"f{n}"} for n in range(12)]
    named = ["data.columns.prompt=question", "data.columns.response=final"]
    found = surveyed(tmp_path, rows, *named)
    assert not found.guessed_columns
    assert found.config.data.columns.response == "final"
    bad = [{"prompt": f"p{n}", "response": ""} if n % 2 else {"prompt": "p", "response": "r"} for n in range(8)]  # fmt: skip
    with pytest.raises(DataError, match="4 of 8 rows cannot be used"):
        surveyed(tmp_path, bad, "data.on_bad_row=error")


def test_data_without_answers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no layout fits"):
        surveyed(tmp_path, [{"prompt": "a", "kwargs": "b"}])
