"""Prompts of Arena-Hard v0.1 and v2.0 as their authors publish them, and the answers of the baseline to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rlsr.data.record import Message, PromptRecord
from rlsr.errors import DataError
from rlsr.evaluation.suites.judged.published import published_rows, text_of
from rlsr.evaluation.suites.judged.questions import Question, filled, published

NAME: Final = "arena_hard"
_OLD = "arena-hard-v0.1"
_CREATIVE = "creative_writing"
_HINT = f"rows of {NAME} have uid and prompt, or question_id and turns, as in question.jsonl"
_ANSWER_HINT = (
    "answers have uid and messages, or question_id and choices, as the files in model_answer/"
)


@dataclass(frozen=True)
class Item:
    """One prompt with the answer of the baseline."""

    uid: str
    """Names it."""
    prompt: str
    """What is asked."""
    category: str
    """Of the leaderboard that it belongs to."""
    cluster: str | None
    """What it is about, where the file says it."""
    location: str
    """Where the row stands."""
    baseline: str | None
    """What the baseline answered; None until it is known."""

    @property
    def record(self) -> PromptRecord:
        """The prompt, with the baseline's answer as its reference."""
        assert self.baseline is not None, "a prompt is asked with a baseline"
        return PromptRecord(
            self.uid,
            (Message("user", self.prompt),),
            self.baseline,
            self.location,
            self.cluster or self.category,
        )

    @property
    def baseline_name(self) -> str:
        """Whose answer the authors compare with."""
        if self.category.startswith(_OLD):
            return "gpt-4-0314"
        return "gemini-2.0-flash-001" if self.category == _CREATIVE else "o3-mini-2025-01-31"

    def question(self, first: str, second: str) -> Question:
        """Write what the judge is asked.

        Args:
            first: The answer that it sees first.
            second: The other.
        """
        prompts = published(NAME)
        system = prompts[_CREATIVE if self.category == _CREATIVE else "system"]
        texts = {"question": self.prompt, "answer_a": first, "answer_b": second}
        return Question(system, filled(prompts["user"], texts))


def read_arena_hard(path: str) -> list[Item]:
    """Read the prompts as their authors publish them, or with ``response`` as the answer of the baseline.

    Args:
        path: A file of JSON lines.

    Raises:
        DataError: It cannot be read, or is something else.
    """
    found: dict[str, Item] = {}
    for place, row in published_rows(path, _HINT):
        item = _item(row, place)
        if item.uid in found:
            raise DataError(f"{place}: has the uid {item.uid!r} of {found[item.uid].location}; each prompt has its own")  # fmt: skip
        found[item.uid] = item
    return list(found.values())


def with_baselines(items: Sequence[Item], path: str, answers: str | None) -> list[Item]:
    """Put the baseline's answers to prompts.

    Args:
        items: The prompts.
        path: Their file.
        answers: A file with answers, or a folder with one file a model; None is ``model_answer`` beside the prompts.

    Returns:
        The prompts, all with a baseline.

    Raises:
        DataError: An answer is missing.
    """
    if answers is None and all(item.baseline is not None for item in items):
        return list(items)
    place = (
        Path(answers).expanduser() if answers else Path(path).expanduser().with_name("model_answer")
    )
    files = {
        item.baseline_name: place / f"{item.baseline_name}.jsonl" if place.is_dir() else place
        for item in items
    }
    for name, file in files.items():
        if not file.is_file():
            raise DataError(
                f"{file}: there are no answers of the baseline, {name}; name them in evaluation.suites.{NAME}.answers: a file, or the "
                "folder model_answer of the authors"
            )
    read = {file: _read_answers(str(file)) for file in set(files.values())}
    found = []
    for item in items:
        file = files[item.baseline_name]
        if item.uid not in read[file]:
            raise DataError(f"{file}: has no answer to {item.uid} of {item.location}")
        found.append(replace(item, baseline=read[file][item.uid]))
    return found


def _read_answers(path: str) -> dict[str, str]:
    return {
        _uid(row, place, _ANSWER_HINT): answer_of(row, place)
        for place, row in published_rows(path, _ANSWER_HINT)
    }


def _item(row: Mapping[str, Any], place: str) -> Item:
    category, cluster = row.get("category"), row.get("cluster")
    return Item(
        _uid(row, place, _HINT),
        _prompt(row, place),
        category if isinstance(category, str) else _OLD,
        cluster if isinstance(cluster, str) else None,
        place,
        text_of(row, "response", place, _HINT) if "response" in row else None,
    )


def _prompt(row: Mapping[str, Any], place: str) -> str:
    match row.get("turns"):
        case [{"content": str()} as turn]:
            return text_of(turn, "content", place, _HINT)
    return text_of(row, "prompt", place, _HINT)


def _uid(row: Mapping[str, Any], place: str, hint: str) -> str:
    return text_of(row, "uid" if "uid" in row else "question_id", place, hint)


def answer_of(row: Mapping[str, Any], place: str, hint: str = _ANSWER_HINT) -> str:
    """Read an answer of v2.0 or v0.1; an empty one is an answer, too.

    Args:
        row: Of a file of answers.
        place: Of the row, for messages.
        hint: What rows must have, as the end of a message.

    Raises:
        DataError: It holds none.
    """
    try:
        if "messages" in row:
            content: Any = row["messages"][-1]["content"]
            text = content["answer"] if isinstance(content, Mapping) else content
        else:
            text = row["choices"][0]["turns"][0]["content"]
    except (LookupError, TypeError) as error:
        raise DataError(f"{place}: holds no answer; {hint}") from error
    if not isinstance(text, str):
        raise DataError(f"{place}: an answer must be a text, got {text!r}; {hint}")
    return text
