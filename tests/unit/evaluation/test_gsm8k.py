"""The suite ``gsm8k``: its rows, its numbers, and what is said where they are none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.config import config_from_table
from rlsr.data.record import Message, PromptRecord
from rlsr.data.sources import read_rows
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation.suites.gsm8k import Gsm8kSuite, open_gsm8k, read_gsm8k

SHARED = Path(__file__).parents[4] / "shared" / "data"
PUBLISHED = {"question": "How many are 2 and 3?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"}
OURS = {"prompt": "How many are 1,000 and 200?", "response": "It is 1,200.", "final": "1,200"}


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_rows_as_published_and_as_ours_are_read(tmp_path: Path) -> None:
    first, second = read_gsm8k(write(tmp_path / "rows.jsonl", [PUBLISHED, OURS]))
    assert (first.prompt, first.reference) == (PUBLISHED["question"], "2 + 3 = <<2+3=5>>5\n#### 5")
    assert (second.prompt, second.reference) == (OURS["prompt"], "It is 1,200.\n#### 1,200")
    assert first.id != second.id


def test_the_last_number_of_an_answer_counts_exactly(tmp_path: Path) -> None:
    records = read_gsm8k(write(tmp_path / "rows.jsonl", [PUBLISHED, OURS, PUBLISHED, PUBLISHED]))
    found = Gsm8kSuite(records, 8).score(
        ["5 apples, so 6", "It costs $1200.00 in all.", "many", "2 and 3 make 5.0."], [None] * 4
    )
    assert list(found.scores["exact_match"]) == [0, 1, 0, 1]
    assert found.texts["number"] == ["6", "$1200.00", None, "5.0"]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "How many?", "answer": "five"},
        {"question": "How many?", "answer": "#### five"},
        {"question": " ", "answer": "#### 5"},
        {"question": "How many?"},
        {"prompt": "How many?", "response": 5},
    ],
    ids=str,
)
def test_a_row_without_a_problem_or_a_number_is_named(row: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [PUBLISHED, row])
    with pytest.raises(DataError, match=r"rows\.jsonl:2: rows of gsm8k have question and answer"):
        read_gsm8k(path)


def test_a_file_is_asked_for_and_settings_without_effect_are_refused(tmp_path: Path) -> None:
    def opened(**settings: Any) -> Gsm8kSuite:
        config = config_from_table({"evaluation": {"suites": {"gsm8k": settings}}})
        return open_gsm8k(config, None, "cpu")  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match=r"--suite gsm8k=FILE, where FILE is test\.jsonl"):
        opened()
    path = write(tmp_path / "rows.jsonl", [PUBLISHED] * 9)
    with pytest.raises(ConfigError, match=r"^evaluation\.suites\.gsm8k\.num_fewshot: has no effect on this suite, which reads path"):  # fmt: skip
        opened(path=path, num_fewshot=2)
    suite = opened(path=path, num_prompts=4, max_response_tokens=9)
    assert (len(suite.records), suite.max_response_tokens) == (4, 9)
    assert opened(path=path).max_response_tokens == 512


def test_it_agrees_with_what_the_authors_say_of_the_answers_of_their_models() -> None:
    file = SHARED / "gsm8k_model_solutions_labelled.jsonl.gz"
    if not file.is_file():
        pytest.skip("the labelled solutions are not on this machine")
    # A sample, of four models.
    rows: list[Any] = [row.value for row in read_rows(str(file))][::25]  # type: ignore[union-attr]
    records = [
        PromptRecord(str(n), (Message("user", row["prompt"]),), row["reference"], f"f:{n}")
        for n, row in enumerate(rows)
    ]
    found = Gsm8kSuite(records, 8).score([row["response"] for row in rows], [None] * len(rows))
    labels = np.array([row["is_correct"] for row in rows], dtype=float)
    assert np.mean(np.asarray(found.scores["exact_match"]) == labels) > 0.98
