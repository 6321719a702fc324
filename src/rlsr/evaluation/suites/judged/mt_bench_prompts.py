"""Conversations of MT-bench as their authors publish them, and reference answers where there are some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rlsr.data.record import Message, PromptRecord
from rlsr.errors import DataError
from rlsr.evaluation.suites.judged.published import published_rows, text_of
from rlsr.evaluation.suites.judged.questions import Question, filled, published

NAME: Final = "mt_bench"
TEMPERATURES: Final = {
    "writing": 0.7, "roleplay": 0.7, "extraction": 0.0, "math": 0.0, "coding": 0.0, "reasoning": 0.0, "stem": 0.1, "humanities": 0.1,
}  # fmt: skip
"""By category."""
_OTHER_TEMPERATURE = 0.7
_HINT = (
    f"rows of {NAME} have question_id, category and turns, two texts, as in question.jsonl of FastChat's llm_judge, and where there "
    "are some two texts as reference"
)


@dataclass(frozen=True)
class Item:
    """One conversation, as far as it is given."""

    id: str
    """Names it."""
    category: str
    """One of eight."""
    turns: tuple[str, str]
    """What is asked first, and then."""
    references: tuple[str, str] | None
    """What should be answered, where the file says it: with mathematics, reasoning and code."""
    location: str
    """Where the row stands."""

    @property
    def temperature(self) -> float:
        """At which its answers are drawn."""
        return TEMPERATURES.get(self.category, _OTHER_TEMPERATURE)

    def questions(self, answers: Sequence[str]) -> tuple[Question, Question]:
        """Write what the judge is asked about the first turn, and about the second.

        Args:
            answers: The policy's, one a turn.
        """
        texts = {
            "question": self.turns[0], "answer": answers[0],
            "question_1": self.turns[0], "question_2": self.turns[1], "answer_1": answers[0], "answer_2": answers[1],
        }  # fmt: skip
        if self.references is not None:
            texts |= {"ref_answer_1": self.references[0], "ref_answer_2": self.references[1]}
        kind = "" if self.references is None else "_reference"
        first, second = (published(NAME)[f"{turn}{kind}"] for turn in ("first_turn", "second_turn"))
        return _question(first, texts), _question(second, texts)

    @property
    def record(self) -> PromptRecord:
        """Both turns that are asked; the answer in between is the policy's own."""
        return self._with(tuple(Message("user", turn) for turn in self.turns))

    def conversation(self, answers: Sequence[str]) -> PromptRecord:
        """Write the conversation up to the turn that is to be answered.

        Args:
            answers: The policy's so far: none, or that to the first turn.
        """
        messages = [Message("user", self.turns[0])]
        for answer in answers:
            messages += [Message("assistant", answer), Message("user", self.turns[1])]
        return self._with(tuple(messages))

    def _with(self, messages: tuple[Message, ...]) -> PromptRecord:
        reference = "\n\n".join(self.references) if self.references else "none"
        return PromptRecord(self.id, messages, reference, self.location, self.category)


def read_mt_bench(path: str, references: str | None = None) -> list[Item]:
    """Read conversations as their authors publish them.

    Args:
        path: A file of JSON lines, or the id of a dataset on the hub.
        references: A file with answers in the form of ``reference_answer/gpt-4.jsonl``; None takes those in the rows.

    Raises:
        DataError: It cannot be read, or is something else.
    """
    given = {} if references is None else _read_references(references)
    found: dict[str, Item] = {}
    for place, row in published_rows(path, _HINT):
        item = _item(row, place, given)
        if item.id in found:
            raise DataError(f"{place}: has the id {item.id} of {found[item.id].location}; each conversation has its own")  # fmt: skip
        found[item.id] = item
    return list(found.values())


def _item(row: Mapping[str, Any], place: str, given: Mapping[str, tuple[str, str]]) -> Item:
    name = _id_of(row, place)
    turns = _two_texts(row.get("turns", row.get("prompt")), place, "turns")
    if turns is None:
        raise DataError(f"{place}: has no turns; {_HINT}")
    own = row.get("reference", row.get("reference_gpt4"))
    references = given.get(name) or _two_texts(own, place, "reference")
    return Item(name, text_of(row, "category", place, _HINT), turns, references, place)


def _read_references(path: str) -> dict[str, tuple[str, str]]:
    hint = "rows of references have question_id and choices, as in reference_answer/gpt-4.jsonl of FastChat's llm_judge"
    found = {}
    for place, row in published_rows(path, hint):
        try:
            turns = row["choices"][0]["turns"]
        except (LookupError, TypeError) as error:
            raise DataError(f"{place}: holds no answers; {hint}") from error
        both = _two_texts(turns, place, "turns")
        if both is not None:
            found[_id_of(row, place)] = both
    return found


def _id_of(row: Mapping[str, Any], place: str) -> str:
    for name in ("question_id", "id", "prompt_id"):
        if isinstance(row.get(name), int | str):
            return str(row[name])
    raise DataError(f"{place}: has no question_id; {_HINT}")


def _two_texts(value: object, place: str, name: str) -> tuple[str, str] | None:
    """Read two texts; None where there are none, which the hub writes as an empty list."""
    if value is None or value == []:
        return None
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value):
        return value[0], value[1]
    raise DataError(f"{place}: {name} must be two texts, got {value!r}; {_HINT}")


def _question(template: Mapping[str, str], texts: Mapping[str, str]) -> Question:
    return Question(template["system"], filled(template["user"], texts))
