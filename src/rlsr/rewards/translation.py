"""What a translator is to a reward, and the cache that spares it from translating a text twice."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from rlsr.runs.keyed_file import KeyedFile

logger = logging.getLogger(__name__)

_KEPT_TRANSLATIONS = 65_536
"""In memory; of a long run's responses hardly any comes back."""


class Translator(ABC):
    """Turns texts into formulas, or into what it takes for formulas."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Model, revision, prompt and every setting that changes a translation."""

    @abstractmethod
    def translate(self, texts: Sequence[str]) -> list[str | None]:
        """Translate texts.

        Args:
            texts: Any texts.

        Returns:
            What the translator wrote, in the order of the texts; None where it could not be asked.
        """

    def close(self) -> None:  # noqa: B027 - a rule of a few lines holds nothing
        """Let go of models and connections."""


class TranslationCache(Translator):
    """A translator that is asked about each text once.

    The file holds responses as well as references: greedy answers to held-out prompts come back in every run from the same
    policy, and a resumed run that repeats a step sees the translations of the first time, which neither a server nor a
    batch of another size would be sure to give again.

    Args:
        translator: Is asked about what is not known yet.
        directory: Holds one file a translator's identity; None keeps everything in memory.
    """

    def __init__(self, translator: Translator, directory: Path | None) -> None:
        self._translator = translator
        self._memory: dict[str, str] = {}
        self.num_translated = 0
        self._file = None if directory is None else KeyedFile(directory, translator.identity)

    @property
    def identity(self) -> str:
        """That of the translator behind it."""
        return self._translator.identity

    def close(self) -> None:
        """Let go of what the translator behind it holds."""
        self._translator.close()

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        """Look texts up; translate and keep those that are new.

        Args:
            texts: Any texts, repeated ones included.

        Returns:
            Translations in the order of the texts; None where the translator could not be asked, which is not kept.
        """
        known: dict[str, str | None] = {
            text: self._memory[text] for text in texts if text in self._memory
        }
        known |= self._read([text for text in dict.fromkeys(texts) if text not in known])
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            found = dict(zip(missing, self._translator.translate(missing), strict=True))
            made = {text: formula for text, formula in found.items() if formula is not None}
            self.num_translated += len(made)
            self._write(made)
            known |= found
        self._remember(known)
        return [known[text] for text in texts]

    def _remember(self, known: dict[str, str | None]) -> None:
        for text, formula in known.items():
            if formula is not None:
                self._memory[text] = formula
        while len(self._memory) > _KEPT_TRANSLATIONS:
            del self._memory[next(iter(self._memory))]

    def _read(self, texts: Sequence[str]) -> dict[str, str]:
        if self._file is None or not texts:
            return {}
        found = {text: _formula_of(value) for text, value in self._file.read(texts).items()}
        damaged = [text for text, formula in found.items() if formula is None]
        if damaged:
            logger.warning(
                "%s: %d of %d translations are damaged and are made again",
                self._file.path,
                len(damaged),
                len(found),
            )
            self._file.forget(damaged)
        return {text: formula for text, formula in found.items() if formula is not None}

    def _write(self, made: dict[str, str]) -> None:
        if self._file is None or not made:
            return
        self._file.write(
            {
                text: formula.encode("utf-8", errors="surrogatepass")
                for text, formula in made.items()
            }
        )


def _formula_of(value: bytes) -> str | None:
    """Read a translation; None for what is no text."""
    try:
        return value.decode("utf-8", errors="surrogatepass")
    except UnicodeDecodeError:
        return None
