"""The reward ``exact``: the answer is the reference's, as text."""

import unicodedata
from collections.abc import Collection

from rlsr.config.verifiers import ExactReward
from rlsr.data.record import PromptRecord
from rlsr.rewards.verifiers.verdicts import Verdict
from rlsr.rewards.verifiers.verifier import AnswerKind, Verifier


def without_differences(text: str, ignore: Collection[str]) -> str:
    """Write a text so that what does not count is the same in all.

    Args:
        text: Any text.
        ignore: ``case``, ``white_space`` and ``punctuation``, which are symbols, too.

    Returns:
        The text, composed as Unicode's NFC.
    """
    if "punctuation" in ignore:
        text = "".join(one for one in text if unicodedata.category(one)[0] not in "PS")
    if "case" in ignore:
        text = text.casefold()
    if "white_space" in ignore:
        text = " ".join(text.split())
    return unicodedata.normalize("NFC", text)


class ExactAnswer(Verifier[ExactReward, str]):
    """Compares texts."""

    def read(self, found: str, record: PromptRecord) -> str | None:
        """Leave out what does not count; what is then empty is no answer."""
        return without_differences(found, self.settings.ignore) or None

    def compare(self, answer: str, right: str) -> Verdict:
        """Say whether both are the same."""
        return Verdict.RIGHT if answer == right else Verdict.WRONG


class ExactKind(AnswerKind[ExactReward]):
    """The reward ``exact``."""

    config = ExactReward
    verifier = ExactAnswer

    def compared(self, settings: ExactReward) -> str:
        """Name what does not count."""
        ignored = " and ".join(one.replace("_", " ") for one in settings.ignore)
        return "the same text" + (f", but for {ignored}" if ignored else "")
