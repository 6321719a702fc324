"""The one shape that every dataset is turned into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """A prompt with the human-written answer to it.

    The reference travels in a field of its own, away from the names ``completion`` and ``response`` that trainers
    drop or overwrite before a reward can see them.
    """

    id: str
    """Names the row within its dataset: the row's own ``id`` if it has one, else its place, as in ``line 7``.

    Where several rows would share it, the location follows in brackets.
    """
    messages: tuple[Message, ...]
    """The prompt: an optional system message first, then turns, the last of them the user's."""
    reference: str
    """The answer to be close to, never empty; the first one where there are several."""
    location: str
    """Where the row stands, for error messages, as in ``my.jsonl:7``."""
    category: str | None = None
    """A label of the row's kind, where the data has one."""
    rejected: str | None = None
    """A worse answer to the same prompt, where the data has one; never empty and never the reference."""
    other_references: tuple[str, ...] = ()
    """Further answers to be close to, where the data has several; none of them twice."""
    columns: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What else the row holds, by column, in the types of JSON: what no layout reads is kept for rewards that do."""

    @property
    def references(self) -> tuple[str, ...]:
        """All answers to be close to, at least one."""
        return (self.reference, *self.other_references)

    @property
    def written_references(self) -> dict[str, object]:
        """What files of answers say: ``reference``, and ``references`` with all of them where there are several."""
        several = {"references": list(self.references)} if self.other_references else {}
        return {"reference": self.reference, **several}

    @property
    def prompt(self) -> str:
        """The prompt as plain text, for encoders and for people: the only user turn, or all turns with their roles."""
        if len(self.messages) == 1:
            return self.messages[0].content
        return "\n\n".join(f"{message.role}: {message.content}" for message in self.messages)
