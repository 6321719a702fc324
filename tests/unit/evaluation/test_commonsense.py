"""The suite ``commonsense``: questions taken out of their instructions, and what is said of what is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsr.config import config_from_table
from rlsr.data.sources import read_rows
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation.suites.commonsense import open_commonsense, parse_question, read_commonsense

SHARED = Path(__file__).parents[4] / "shared" / "data"
CHOOSE = "Please choose the correct answer to the question: "
QUESTIONS: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "ARC-Easy",
        f"{CHOOSE}What falls?\n\nAnswer1: rain Answer2: smoke Answer3: Answer sheets\n\nAnswer format: answer1/answer2/answer3",
        "answer1",
        {"query": "Question: What falls?\nAnswer:", "choices": ["rain", "smoke", "Answer sheets"], "gold": 0},
    ),
    (
        "openbookqa",
        f"{CHOOSE}A cat likes to\n\nAnswer1: sleep Answer2: fly\n\nAnswer format: answer1/answer2",
        "answer2",
        {"query": "A cat likes to", "choices": ["sleep", "fly"], "gold": 1},
    ),
    (
        "social_i_qa",
        f"{CHOOSE}Ann ran home. Why did Ann do this?\n\nAnswer1: it rained Answer2: to rest\n\nAnswer format: answer1/answer2",
        "answer1",
        {"query": "Q: Ann ran home. Why did Ann do this?\nA:", "choices": ["it rained", "to rest"], "gold": 0},
    ),
    (
        "piqa",
        "Please choose the correct solution to the question: open a jar\n\nSolution1: turn the lid, \nslowly\n\nSolution2: hit it \n\n"
        "Answer format: solution1/solution2",
        "solution1",
        {"query": "Question: open a jar\nAnswer:", "choices": ["turn the lid, \nslowly", "hit it"], "gold": 0},
    ),
    (
        "winogrande",
        "Please choose the correct answer to fill in the blank to complete the given sentence: Ann called Bea because _ was lost.\n\n"
        "Option1: Ann Option2: Bea Answer format: option1/option2",
        "option1",
        {
            "query": "Ann called Bea because _ was lost.", "gold": 0, "ending": "was lost.",
            "choices": ["Ann called Bea because Ann", "Ann called Bea because Bea"],
        },
    ),
    (
        "boolq",
        "Please answer the following question with true or false, question: is the sea salt water?\n\nAnswer format: true/false",
        "true",
        {"query": "Question: is the sea salt water?\nAnswer:", "choices": ["no", "yes"], "gold": 1},
    ),
    (
        "hellaswag",
        "Please choose the correct ending to complete the given sentence: Rowing: A man sits in a boat.  he\n\nEnding1: rows [title] "
        "home. Ending2: flies [step] away.\n\nAnswer format: ending1/ending2",
        "ending1",
        {"query": "Rowing: A man sits in a boat. he", "choices": ["rows. home.", "flies away."], "gold": 0},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("task", "prompt", "answer", "expected"), QUESTIONS, ids=lambda one: str(one)[:12])  # fmt: skip
def test_a_question_is_asked_as_the_harness_asks_it(
    task: str, prompt: str, answer: str, expected: dict[str, Any]
) -> None:
    assert parse_question(task, prompt, answer) == expected


@pytest.mark.parametrize(
    ("task", "prompt", "answer", "said"),
    [
        ("arc", QUESTIONS[0][1], "answer1", "task must be one of ARC-Easy, ARC-Challenge, winogrande"),
        ("ARC-Easy", "What falls?", "answer1", "prompt must be a question as LLM-Adapters has them, got 'What falls"),
        ("ARC-Easy", QUESTIONS[0][1], "answer4", "answer must name one of 3 options, got 'answer4'"),
        ("ARC-Easy", QUESTIONS[0][1], "answer0", "answer must name one of 3 options, got 'answer0'"),
        ("ARC-Easy", QUESTIONS[0][1], "rain", "answer must name one of 3 options, got 'rain'"),
        ("boolq", QUESTIONS[5][1], "yes", "answer must name one of 2 options, got 'yes'"),
        ("ARC-Easy", f"{CHOOSE}What?\n\nAnswer2: a Answer3: b", "answer2", "numbered from 1, got [2, 3]"),
        ("ARC-Easy", f"{CHOOSE}What?\n\nAnswer1: a", "answer1", "numbered from 1, got [1]"),
        ("ARC-Easy", f"{CHOOSE}What?\n\nAnswer1: Answer2: b", "answer1", "must have a text behind the number of each option"),
        ("winogrande", QUESTIONS[4][1].replace("_", "she"), "option1", "prompt must have a blank, written _"),
    ],
)  # fmt: skip
def test_what_is_no_such_question_is_refused(
    task: str, prompt: str, answer: str, said: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - looked at below
        parse_question(task, prompt, answer)
    assert said in str(caught.value)


def test_a_row_that_is_no_question_is_named(tmp_path: Path) -> None:
    task, prompt, answer, _ = QUESTIONS[0]
    right = {"task": task, "prompt": prompt, "answer": answer}
    path = tmp_path / "rows.jsonl"
    for row, said in (
        ({"task": task, "prompt": prompt}, "rows of commonsense have task, prompt and answer"),
        ({**right, "answer": "answer9"}, "answer must name one of 3 options"),
    ):
        path.write_text("".join(json.dumps(one) + "\n" for one in (right, row)), encoding="utf-8")
        with pytest.raises(DataError, match=rf"rows\.jsonl:2: {said}"):
            read_commonsense(str(path))


def test_a_file_is_asked_for_and_settings_without_effect_are_refused() -> None:
    for settings, said in (
        ({}, r"--suite commonsense=FILE"),
        ({"max_response_tokens": 5}, r"commonsense\.max_response_tokens: has no effect"),
    ):
        config = config_from_table({"evaluation": {"suites": {"commonsense": settings}}})
        with pytest.raises(ConfigError, match=said):
            open_commonsense(config, None, "cpu")  # type: ignore[arg-type]


def test_every_question_of_the_published_file_is_read() -> None:
    file = SHARED / "commonsense_tests_llmadapters.jsonl.gz"
    if not file.is_file():
        pytest.skip("the commonsense tests are not on this machine")
    for row in list(read_rows(str(file)))[::7]:
        value: Any = row.value  # type: ignore[union-attr]
        doc = parse_question(value["task"], value["prompt"], value["answer"])
        # The last line names the options, in words that are not looked at otherwise.
        named = value["prompt"].rpartition("Answer format: ")[2].split("/")
        assert len(doc["choices"]) == len(named)
        assert doc["gold"] == (["false", "true"] if value["task"] == "boolq" else named).index(value["answer"])  # fmt: skip
        assert all(choice in value["prompt"] or value["task"] in {"boolq", "winogrande"} for choice in doc["choices"])  # fmt: skip
