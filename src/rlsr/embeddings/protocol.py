"""What a text encoder is to the rest of the program."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Encoding:
    """Texts as vectors."""

    vectors: Vectors
    """One row a text, of unit length; a text without anything to encode has a row of zeros."""
    truncated: Flags
    """Whether the encoder saw only the beginning of the text."""

    def __post_init__(self) -> None:
        assert self.vectors.ndim == 2, (
            f"vectors must be (text, dimension), got {self.vectors.shape}"
        )
        assert self.truncated.shape == self.vectors.shape[:1], "one flag a text"


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how close their meanings are."""

    @property
    def identity(self) -> str:
        """Model, revision and every setting that changes a vector; equal identities give equal vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Encode texts, each distinct text once.

        Args:
            texts: Any texts, also empty and repeated ones.

        Returns:
            Vectors and flags in the order of the texts.
        """
        ...


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """Scale every row to unit length; rows of zeros stay zeros.

    Args:
        vectors: One row a text.

    Returns:
        The same directions with length 1.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # an infinite row becomes NaN, which rewards leave unscored
        return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
