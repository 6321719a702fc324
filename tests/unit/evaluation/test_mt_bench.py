"""The suite ``mt_bench``: two turns at the temperature of their category, graded with references where there are some."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_server import Failure, judge_server, question_of
from judged_suites import ScriptedAsker, suite_config, unasked
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import DataError, RemoteError
from rlsr.evaluation.suites.judged.mt_bench import MtBenchSuite, open_mt_bench, rating_of
from rlsr.evaluation.suites.judged.mt_bench_prompts import read_mt_bench

ROWS = [
    {"question_id": 81, "category": "writing", "turns": ["Write a post.", "Rewrite it."]},
    {"question_id": 111, "category": "math", "turns": ["1 + 1?", "And twice that?"], "reference": ["2", "4"]},
    {"question_id": 82, "category": "writing", "turns": ["Write a mail.", "Criticise it."]},
    {"question_id": 141, "category": "stem", "turns": ["What is heat?", "And cold?"]},
]  # fmt: skip


def write(file: Path, rows: Sequence[Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write(tmp_path / "question.jsonl", ROWS)


def opened(path: Path, server: Any, **settings: Any) -> MtBenchSuite:
    return open_mt_bench(suite_config("mt_bench", server, path=str(path), **settings), None, "cpu")  # type: ignore[arg-type]


def says_what_it_heard(record: PromptRecord) -> str:
    return f"answer {len(record.messages)} to {record.messages[-1].content}"


def is_second(question: str) -> bool:
    return "### User:" in question


def grades(question: str) -> str:
    """Give 8 to first turns, 5 to second ones, and 2 less for mathematics."""
    rating = (5 if is_second(question) else 8) - 2 * ("1 + 1?" in question)
    return f"Not bad.\n\nRating: [[{rating}]]"


def test_the_second_turn_is_asked_after_the_policys_own_answer(prompts: Path) -> None:
    suite = opened(prompts, None, judged=False)
    asker = ScriptedAsker(says_what_it_heard)
    told: list[tuple[int, int]] = []
    object.__setattr__(asker, "on_progress", lambda done, total: told.append((done, total)))
    responses, found = suite.ask(asker)
    assert responses[1] == "answer 1 to 1 + 1?"
    assert found.texts["second_response"][1] == "answer 3 to And twice that?"
    asked = [([record.id for record in records], how["temperature"], how["draw"]) for records, how in asker.calls]  # fmt: skip
    assert asked == [
        (["111"], 0.0, 0), (["141"], 0.1, 0), (["81", "82"], 0.7, 0),
        (["111"], 0.0, 1), (["141"], 0.1, 1), (["81", "82"], 0.7, 1),
    ]  # fmt: skip
    assert asker.calls[3][0][0].messages == (
        Message("user", "1 + 1?"), Message("assistant", "answer 1 to 1 + 1?"), Message("user", "And twice that?"),
    )  # fmt: skip
    assert list(found.scores) == ["characters"]


def test_each_turn_is_graded_with_references_where_there_are_some(prompts: Path) -> None:
    with judge_server(verdict=grades) as server:
        suite = opened(prompts, server)
        responses, found = suite.ask(ScriptedAsker(says_what_it_heard))
    assert found.scores["turn_1"] == [8, 6, 8, 8]
    assert found.scores["turn_2"] == [5, 3, 5, 5]
    assert found.scores["rating"] == [6.5, 4.5, 6.5, 6.5]
    assert found.texts["verdict_1"][0] == "Not bad.\n\nRating: [[8]]"
    assert {(request["temperature"], request["max_tokens"]) for request in server.requests} == {(0, 2048)}  # fmt: skip
    systems = {request["messages"][0]["content"] for request in server.requests if not is_second(question_of(request))}  # fmt: skip
    assert systems == {"You are a helpful assistant."}
    math = sorted(question for question in server.questions if "1 + 1?" in question)
    assert math[0] == (
        "<|The Start of Reference Answer|>\n\n### User:\n1 + 1?\n\n### Reference answer:\n2\n\n### User:\nAnd twice that?\n\n"
        "### Reference answer:\n4\n\n<|The End of Reference Answer|>\n\n\n<|The Start of Assistant A's Conversation with User|>\n\n"
        "### User:\n1 + 1?\n\n### Assistant A:\nanswer 1 to 1 + 1?\n\n### User:\nAnd twice that?\n\n### Assistant A:\n"
        "answer 3 to And twice that?\n\n<|The End of Assistant A's Conversation with User|>"
    )  # fmt: skip
    assert "[The Start of Reference Answer]\n2\n[The End of Reference Answer]" in math[1]
    assert not any("eference" in question for question in server.questions if question not in math)
    scores = {name: np.array(values, dtype=np.float64) for name, values in found.scores.items()}
    estimates = suite.estimates(responses, scores, found.texts, confidence=0.9, num_resamples=200)
    means = {name: (one.mean, one.num) for name, one in estimates.items()}
    assert means == {
        "rating": (6.0, 4), "rating_writing": (6.5, 2), "rating_math": (4.5, 1), "rating_stem": (6.5, 1),
    }  # fmt: skip


def test_a_turn_without_a_rating_is_left_out(
    prompts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def verdict(question: str) -> str:
        return "Rating: [[11]]" if is_second(question) and "heat" in question else grades(question)

    with judge_server(verdict=verdict) as server:
        suite = opened(prompts, server)
        responses, found = suite.ask(ScriptedAsker(says_what_it_heard))
    assert found.scores["turn_2"][3] is None
    assert found.scores["rating"][3] == 8
    assert "mt_bench: 1 of 8 verdicts are missing or cannot be read" in caplog.text
    scores = {name: np.array(values, dtype=np.float64) for name, values in found.scores.items()}
    estimates = suite.estimates(responses, scores, found.texts, confidence=0.9, num_resamples=200)
    # As FastChat, over all turns that have a rating.
    assert estimates["rating"].mean == pytest.approx((8 + 6 + 8 + 8 + 5 + 3 + 5) / 7)


def test_answers_are_kept_when_the_judge_fails(prompts: Path, tmp_path: Path) -> None:
    with (
        judge_server(lambda *_: Failure(404, "no such model"), grades) as server,
        pytest.raises(RemoteError, match=r"mt_bench\.judge\.endpoint\.model: not found"),
    ):
        opened(prompts, server).ask(ScriptedAsker(says_what_it_heard, tmp_path))
    (first, *_) = (tmp_path / "mt_bench-answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == {
        "question_id": 81, "model_id": "org__model",
        "choices": [{"index": 0, "turns": ["answer 1 to Write a post.", "answer 3 to Rewrite it."]}],
    }  # fmt: skip
    with judge_server(verdict=grades) as server:
        _, found = opened(prompts, server).ask(ScriptedAsker(unasked, tmp_path))
    assert found.scores["turn_1"] == [8, 6, 8, 8]


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Rating: [[7]]", 7.0),
        ("Rating: [[7.5]], not [[3]]", 7.5),
        ("[3] of [10], so [[9]]", 9.0),
        ("Rating: [6]", 6.0),
        ("Rating: 6", None),
        ("[[0]]", None),
        ("[[10]]", 10.0),
        ("[[11]]", None),
        ("[[rating]]", None),
    ],
)
def test_the_first_number_in_brackets_is_the_rating(text: str, rating: float | None) -> None:
    assert rating_of(text) == rating


@given(st.text("[]0123456789. a", max_size=30))
def test_a_rating_is_from_1_to_10(text: str) -> None:
    rating = rating_of(text)
    assert rating is None or 1 <= rating <= 10


def test_other_forms_of_the_files_are_read(tmp_path: Path) -> None:
    hub = {"prompt_id": 5, "category": "coding", "prompt": ["a", "b"], "reference": []}
    (item,) = read_mt_bench(str(write(tmp_path / "hub.jsonl", [hub])))
    assert (item.id, item.turns, item.references, item.record.reference) == ("5", ("a", "b"), None, "none")  # fmt: skip
    given = write(tmp_path / "gpt-4.jsonl", [{"question_id": 5, "choices": [{"turns": ["x", "y"]}]}])  # fmt: skip
    (item,) = read_mt_bench(str(tmp_path / "hub.jsonl"), str(given))
    assert (item.references, item.record.reference) == (("x", "y"), "x\n\ny")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question_id": 1, "category": "math"}, ":2: has no turns; rows of mt_bench have question_id"),
        ({"question_id": 1, "category": "math", "turns": ["a"]}, ":2: turns must be two texts, got ['a']"),
        ({"question_id": 1, "turns": ["a", "b"]}, ":2: category must be a text"),
        ({"category": "math", "turns": ["a", "b"]}, ":2: has no question_id"),
        ({**ROWS[0], "reference": "a"}, ":2: reference must be two texts, got 'a'"),
        (ROWS[0], ":2: has the id 81 of "),
    ],
)  # fmt: skip
def test_a_row_that_is_no_conversation_is_named(row: Any, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [ROWS[0], row])
    with pytest.raises(DataError) as caught:
        read_mt_bench(str(path))
    assert said in str(caught.value)


def test_a_file_of_no_references_is_named(prompts: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", [{"question_id": 111}])
    with pytest.raises(DataError, match=r"other\.jsonl:1: holds no answers; rows of references have"):  # fmt: skip
        read_mt_bench(str(prompts), str(other))


def test_the_published_conversations_are_read() -> None:
    file = Path(__file__).parents[4] / "shared" / "data" / "mt_bench_80.jsonl.gz"
    if not file.is_file():
        pytest.skip("the published conversations are not on this machine")
    items = read_mt_bench(str(file))
    assert len(items) == 80
    with_references = {item.category for item in items if item.references is not None}
    assert with_references == {"math", "reasoning", "coding"}
