"""What suites have in common whose answers a model judges: answers are kept before they are judged."""

import json
import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from rlsr.data.record import PromptRecord
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.metrics import Better
from rlsr.evaluation.suites.judged.judge import Judge
from rlsr.evaluation.suites.suite import AskingSuite, Scored
from rlsr.runs.json_file import read_json_lines, write_json, write_json_lines

logger = logging.getLogger(__name__)

CHARACTERS = "characters"
"""Mean length of the answers."""
FIRST_PLACE = "first_place"
"""How often the judge prefers whichever answer comes first."""

Turns = tuple[str, ...]
"""What a policy answered to one prompt, one text a turn."""
Table = dict[str, Any]
Progress = Callable[[int, int], None] | None


class HasRecord(Protocol):
    """A prompt of a suite with what its judge has to know."""

    @property
    def record(self) -> PromptRecord:
        """What the policy is asked."""
        ...


Item = TypeVar("Item", bound=HasRecord)


class JudgedSuite(AskingSuite, Generic[Item]):
    """Asks a policy, writes its answers as the suite's own program reads them, and lets a model judge them.

    Args:
        items: The prompts.
        judge: Who judges; None only writes the answers.
        max_response_tokens: Where an answer is cut.
    """

    name: ClassVar[str]
    """Of the suite."""
    suffix: ClassVar[str] = ".jsonl"
    """Of the file of answers: JSON lines, or ``.json`` for one list."""

    def __init__(
        self, items: Sequence[Item], judge: Judge | None, max_response_tokens: int
    ) -> None:
        self._items = tuple(items)
        self._records = tuple(item.record for item in items)
        self._judge = judge
        self._max_response_tokens = max_response_tokens

    @property
    def records(self) -> tuple[PromptRecord, ...]:
        """The prompts; what stands as their reference is what the judge sees beside the answers, if it sees something."""
        return self._records

    @property
    def max_response_tokens(self) -> int:
        """Where an answer is cut."""
        return self._max_response_tokens

    @abstractmethod
    def asked(self, asker: Asker) -> Sequence[Turns]:
        """Let a policy answer the prompts.

        Args:
            asker: The policy.
        """

    @abstractmethod
    def written(self, turns: Sequence[Turns], model: str) -> list[Table]:
        """Write answers as the suite's own program reads them.

        Args:
            turns: One a prompt.
            model: What the policy is called.
        """

    @abstractmethod
    def turns_of(self, table: Table) -> Turns:
        """Read one of what ``written`` returned.

        Args:
            table: As ``written`` returned it.
        """

    @abstractmethod
    def judged(
        self, turns: Sequence[Turns], judge: Judge | None, on_progress: Progress = None
    ) -> Scored:
        """Score answers.

        Args:
            turns: One a prompt.
            judge: Who judges; without one only what needs none is scored.
            on_progress: Told how many questions the judge has answered, of how many.
        """

    def ask(self, asker: Asker) -> tuple[Sequence[str], Scored]:
        """Ask a policy, and let its answers be judged; what it answered before an interruption is judged as it is.

        Args:
            asker: The policy.

        Returns:
            Its answers to the first turns, and the scores.

        Raises:
            RemoteError: The judge cannot be asked. The answers are kept.
        """
        model = generator_name(asker.config.model.name)
        file = asker.directory and asker.directory / f"{self.name}-answers{self.suffix}"
        turns = self._kept(file, model) if file is not None else None
        if turns is None:
            turns = self.asked(asker)
            if file is not None:
                tables = self.written(turns, model)
                (write_json if self.suffix == ".json" else write_json_lines)(file, tables)
        found = self.judged(turns, self._judge, asker.on_progress)
        return [first for first, *_ in turns], found

    def better(self, name: str) -> Better | None:
        """Say which way a metric is better: a longer answer is none, nor is a judge that likes a place."""
        return None if name in (CHARACTERS, FIRST_PLACE) else "higher"

    def scorer(self, name: str) -> str | None:
        """Say who judges."""
        return None if self._judge is None or name == CHARACTERS else self._judge.description

    def close(self) -> None:
        """Close the judge's connections."""
        if self._judge is not None:
            self._judge.close()

    def _kept(self, file: Path, model: str) -> Sequence[Turns] | None:
        """Read answers that were there before; None where there are none, or those of other prompts."""
        if not file.is_file():
            return None
        try:
            if self.suffix == ".json":
                tables = json.loads(file.read_text(encoding="utf-8"))
            else:
                tables = [table for _, table in read_json_lines(file)]
            turns = [self.turns_of(table) for table in tables]
            if self.written(turns, model) == tables:
                return turns
        except Exception as error:  # noqa: BLE001 - a file that somebody has changed, in whatever way, is asked for anew
            logger.warning("%s: cannot be read, and is written anew: %r", file, error)
            return None
        logger.warning("%s: holds other answers than to these prompts, and is written anew", file)
        return None


def generator_name(model: str) -> str:
    """Name a policy in a file of answers, whose readers take a slash for a folder.

    Args:
        model: Its name in the config.
    """
    return model.strip("/").replace("/", "__")


def answered_once(
    asker: Asker, records: Sequence[PromptRecord], *, max_response_tokens: int, temperature: float
) -> list[Turns]:
    """Let a policy answer prompts of one turn.

    Args:
        asker: The policy.
        records: The prompts.
        max_response_tokens: Where an answer is cut.
        temperature: Divides the logits; 0 takes the most likely tokens.
    """
    answers = asker.answer(
        records, max_response_tokens=max_response_tokens, temperature=temperature
    )
    return [(answer.text,) for answer in answers]
