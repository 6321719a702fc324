"""Which prompts of an evaluation stand in training data already: the same words in a row."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rlsr.data.record import PromptRecord

# Chinese and Japanese are written without spaces: there a character counts as a word.
_NO_SPACES: Final = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_NO_SPACES}]|[^\W_{_NO_SPACES}]+")


@dataclass(frozen=True)
class Overlap:
    """How much of an evaluation stands in training data already."""

    num_words: int
    """Words in a row that a prompt must share with a training row; a prompt with fewer has to be the same as a whole."""
    num_prompts: int
    """Prompts that were looked for."""
    prompts: tuple[str, ...]
    """Ids of those that were found."""
    num_rows: int
    """Training rows that one of them was found in."""

    @property
    def share(self) -> float:
        """Which part of the prompts was found."""
        return len(self.prompts) / self.num_prompts


class Passages:
    """The passages of some prompts, to be found again in other texts.

    Args:
        prompts: The texts of each prompt.
        num_words: How long a passage is; a text with fewer words is one passage as a whole.

    Source:
        Brown et al. 2020 (arXiv 2005.14165), appendix C: words without case and punctuation, 13 in a row. Deviations: passages that
        are frequent in the training data count, too, and a short prompt is found where a text is nothing else.
    """

    def __init__(self, prompts: Sequence[Iterable[str]], num_words: int) -> None:
        self._num_words = num_words
        self._places: dict[tuple[str, ...], list[int]] = {}
        for place, texts in enumerate(prompts):
            for passage in {found for text in texts for found in self._passages(words_of(text))}:
                self._places.setdefault(passage, []).append(place)
        self._known = {word for passage in self._places for word in passage}

    def found_in(self, texts: Iterable[str]) -> set[int]:
        """Find prompts in texts.

        Args:
            texts: Those of a training row.

        Returns:
            The places of the prompts of which one has a passage.
        """
        return {
            place
            for text in texts
            for passage in self._passages(words_of(text), self._known)
            for place in self._places.get(passage, ())
        }

    def _passages(
        self, words: Sequence[str], known: set[str] | None = None
    ) -> Iterator[tuple[str, ...]]:
        """List the passages of a text, those alone that have no other words than the known ones."""
        if len(words) < self._num_words:
            if words:
                yield tuple(words)
            return
        start = 0
        for end, word in enumerate(words, start=1):
            if known is not None and word not in known:
                start = end
            elif end - start >= self._num_words:
                yield tuple(words[end - self._num_words : end])


def words_of(text: str) -> list[str]:
    """Split a text into words, without case and punctuation.

    Args:
        text: Any text.

    Returns:
        Its letters and digits in their order, as Unicode's NFKC.
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def measure_overlap(
    prompts: Sequence[tuple[str, Iterable[str]]], train: Iterable[PromptRecord], num_words: int
) -> Overlap:
    """Look for the prompts of an evaluation in training data.

    Args:
        prompts: Id and texts of each, at least one.
        train: The training rows.
        num_words: Words in a row that count.

    Returns:
        What was found, in time that is linear in the words.
    """
    passages = Passages([texts for _, texts in prompts], num_words)
    places: set[int] = set()
    num_rows = 0
    for record in train:
        found = passages.found_in(learnt(record))
        places |= found
        num_rows += bool(found)
    return Overlap(
        num_words, len(prompts), tuple(prompts[place][0] for place in sorted(places)), num_rows
    )


def asked(record: PromptRecord) -> list[str]:
    """List the texts that a prompt asks by; instructions of the system are the same for many prompts, and ask nothing."""
    return [message.content for message in record.messages if message.role != "system"]


def learnt(record: PromptRecord) -> list[str]:
    """List the texts that a training row teaches: its prompt and its references."""
    return [*asked(record), *record.references]


def overlap_in_words(overlap: Overlap, *, prompts: str, rows: str) -> str:
    """Say what was found, as a sentence without its end.

    Args:
        overlap: What was found.
        prompts: What the prompts are, as in ``ifeval``.
        rows: What the training rows are of, as in ``my.jsonl``.
    """
    how = f"{overlap.num_words} words in a row"
    if not overlap.prompts:
        return f"none of the {overlap.num_prompts} {prompts} prompts shares {how} with a training row of {rows}"
    number = len(overlap.prompts)
    share = "shares" if number == 1 else "share"
    where = "a training row" if overlap.num_rows == 1 else f"{overlap.num_rows} training rows"
    return f"{number} of the {overlap.num_prompts} {prompts} prompts ({overlap.share:.1%}) {share} {how} with {where} of {rows}"
