"""The prompts of AlpacaEval 2 with the answers of its baseline, as their authors publish them."""

import random
from dataclasses import dataclass
from typing import Final

from rlsr.data.record import Message, PromptRecord
from rlsr.evaluation.suites.judged.published import hub_file, published_rows, text_of
from rlsr.evaluation.suites.judged.questions import Question, filled, published

NAME: Final = "alpaca_eval"
HUB_ID = "tatsu-lab/alpaca_eval"
PROMPTS = "alpaca_eval_gpt4_baseline.json"
"""On the hub: 805 prompts with the answers of GPT-4 Turbo."""
_HINT = f"rows of {NAME} have instruction and output, the baseline's answer, as in {PROMPTS}"


@dataclass(frozen=True)
class Item:
    """One prompt with the answer of the baseline."""

    place: int
    """In the published file, counted from 0."""
    instruction: str
    """What is asked."""
    baseline: str
    """What the baseline answered."""
    location: str
    """Where the row stands."""
    dataset: str | None
    """Where the prompt comes from, of the five sources."""

    @property
    def shows_policy_first(self) -> bool:
        """Whether the judge sees the policy's answer first: drawn from the prompt, as alpaca_eval draws it."""
        drawn = random.Random(f"is_switched_outputs{self.instruction}0")
        return drawn.choices([False, True], k=1)[0]

    def question(self, output: str) -> Question:
        """Write what the judge is asked.

        Args:
            output: The policy's answer.
        """
        first, second = (
            (output, self.baseline) if self.shows_policy_first else (self.baseline, output)
        )
        texts = {"instruction": self.instruction, "output_1": first, "output_2": second}
        return Question(published(NAME)["system"], filled(published(NAME)["user"], texts))

    @property
    def record(self) -> PromptRecord:
        """The prompt, with the baseline's answer as its reference."""
        return PromptRecord(
            str(self.place + 1),
            (Message("user", self.instruction),),
            self.baseline,
            self.location,
            self.dataset,
        )


def read_alpaca_eval(path: str | None) -> list[Item]:
    """Read the prompts as their authors publish them.

    Args:
        path: A file; None asks the hub.

    Raises:
        DataError: It cannot be read, or is something else.
    """
    if path is None:
        path = str(
            hub_file(HUB_ID, PROMPTS, f"get it where there is a network: --suite {NAME}={PROMPTS}")
        )
    rows = published_rows(path, _HINT)
    return [
        Item(
            number,
            text_of(row, "instruction", place, _HINT),
            text_of(row, "output", place, _HINT),
            place,
            row.get("dataset") if isinstance(row.get("dataset"), str) else None,
        )
        for number, (place, row) in enumerate(rows)
    ]
