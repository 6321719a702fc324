"""What may take for ever is given up, and the next question is answered."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from rlsr.answers.bounded import BoundedQuestions, Unanswered
from rlsr.errors import RewardError


@pytest.fixture
def questions() -> Iterator[BoundedQuestions]:
    with closing(BoundedQuestions(0.3)) as found:
        yield found


CATASTROPHE: tuple[Any, ...] = ("a" * 40 + "b", r"(a+)+$", True, [], [])


def test_a_pattern_that_tries_all_ways_is_given_up_and_the_process_goes_on(
    questions: BoundedQuestions,
) -> None:
    assert questions.ask("keeps_rules", "ab", "a", False, ["b"], ["c"])
    process = questions._process
    with pytest.raises(Unanswered, match=r"took more than 0\.3 s"):
        questions.ask("keeps_rules", *CATASTROPHE)
    assert questions.ask("last_match", r"x=(?P<answer>\d+)", "x=1 x=23") == "23"
    assert questions._process is process


def test_a_process_that_ends_is_started_anew(questions: BoundedQuestions) -> None:
    assert questions.ask("last_match", "a", "a") == "a"
    assert questions._process is not None
    os.kill(questions._process.pid, signal.SIGKILL)
    questions._process.wait()
    assert questions.ask("last_match", "a", "ba") == "a"


def test_questions_are_answered_in_a_thread(questions: BoundedQuestions) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(questions.ask("last_match", "a", "a")))
    thread.start()
    thread.join()
    assert found == ["a"]


def test_a_library_that_fails_answers_nothing(questions: BoundedQuestions) -> None:
    with pytest.raises(Unanswered, match="error"):
        questions.ask("last_match", "(", "a")


def test_a_process_that_does_not_start_says_so(
    questions: BoundedQuestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RewardError, match=r"did not start \(/bin/false -P -m rlsr.answers.child\)"):
        questions.ask("last_match", "a", "a")


@pytest.mark.parametrize(
    ("text", "is_passage", "reference", "equal"),
    [
        (r"so it is \boxed{x + 1}", True, "1 + x", True), ("(x+1)^2", False, "x^2+2x+1", True), ("0.5", False, r"\frac{1}{2}", True), ("$x = 5$", True, "5", True), ("5", False, "x = 5", True),
        ("The answer is 72.", True, "72", True), ("73", False, "72", False), ("no idea", True, "72", None), (r"\sqrt{2}", False, "2^{1/2}", True),
    ],
)  # fmt: skip
def test_mathematics_is_compared_both_ways(
    mathematics: BoundedQuestions, text: str, is_passage: bool, reference: str, equal: object
) -> None:
    assert mathematics.ask("same_mathematics", text, is_passage, reference) == equal


@pytest.mark.slow
@pytest.mark.parametrize("text", ["1000000000!", "9^{9^{9^{9}}}"])
def test_mathematics_without_end_is_given_up(mathematics: BoundedQuestions, text: str) -> None:
    with pytest.raises(Unanswered):
        mathematics.ask("same_mathematics", text, False, "2")


@pytest.fixture(scope="module")
def mathematics() -> Iterator[BoundedQuestions]:
    pytest.importorskip("math_verify")
    with closing(BoundedQuestions(3)) as found:
        yield found
