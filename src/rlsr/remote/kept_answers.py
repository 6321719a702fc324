"""Answers of chat models, kept on this machine under the question, so that none is paid for twice."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsr.config.remote import ChatEndpoint
from rlsr.runs.keyed_file import KeyedFile


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    text: str | None
    """What the model wrote; None where the request failed after all its retries."""
    cause: str = ""
    """Why it failed."""
    is_cut: bool = False
    """Whether the model was stopped at the longest answer."""
    first_tokens: Mapping[str, float] | None = None
    """Log-probabilities of the likeliest first tokens; None where the server was not asked for them, or gives none."""


def question_of(body: Mapping[str, Any]) -> str:
    """Write a request as a text, equal for equal requests.

    Args:
        body: What it says besides the model.
    """
    return json.dumps(body, sort_keys=True)


class KeptAnswers:
    """The answers of one model behind one address.

    Args:
        directory: Holds one file a model.
        config: The server and the model, and which answers are kept.
    """

    def __init__(self, directory: Path, config: ChatEndpoint) -> None:
        self._rule = config.keep_answers
        self._file: KeyedFile | None = None
        if self._rule != "never":
            self._file = KeyedFile(directory, f"answers of {config.model} at {config.url}")

    def read(self, questions: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
        """Look questions up.

        Args:
            questions: Requests, by ``question_of``.

        Returns:
            The answers that are known; what is damaged is asked again.
        """
        if self._file is None:
            return {}
        kept = self._file.read(
            question for question, body in questions.items() if self._is_kept(body)
        )
        found = {question: _answer_of(value) for question, value in kept.items()}
        damaged = [question for question, answer in found.items() if answer is None]
        if damaged:
            self._file.forget(damaged)
        return {question: answer for question, answer in found.items() if answer is not None}

    def write(self, body: Mapping[str, Any], answer: Answer) -> None:
        """Keep an answer; a request that failed is no answer.

        Args:
            body: What was asked.
            answer: What came of it.
        """
        if self._file is not None and answer.text is not None and self._is_kept(body):
            value = json.dumps(asdict(answer)).encode()
            self._file.write({question_of(body): value})

    def _is_kept(self, body: Mapping[str, Any]) -> bool:
        return self._rule == "always" or body.get("temperature") == 0


def total_tokens(reply: Any) -> int | None:
    """Read how many tokens a request took, as the server has counted them.

    Args:
        reply: The JSON of its answer.

    Returns:
        Those of the question and of the answer; None where it says nothing of them.
    """
    usage = reply.get("usage") if isinstance(reply, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    for names in (["total_tokens"], ["prompt_tokens", "completion_tokens"]):
        numbers: list[Any] = [usage.get(name) for name in names]
        if all(isinstance(number, int) and number >= 0 for number in numbers):
            return int(sum(numbers))
    return None


def _answer_of(value: bytes) -> Answer | None:
    """Read an answer; None for anything else."""
    try:
        answer = Answer(**json.loads(value))
    except (ValueError, TypeError, RecursionError):
        return None
    is_whole = isinstance(answer.text, str) and isinstance(answer.first_tokens, dict | None)
    return answer if is_whole else None


def num_to_ask(bodies: Iterable[Mapping[str, Any]], directory: Path, config: ChatEndpoint) -> int:
    """Count the calls that questions would take: equal ones are asked once, and those whose answers are kept not at all.

    Args:
        bodies: Requests.
        directory: Of the kept answers.
        config: The server and the model.
    """
    questions = {question_of(body): body for body in bodies}
    return len(questions) - len(KeptAnswers(directory, config).read(questions))
