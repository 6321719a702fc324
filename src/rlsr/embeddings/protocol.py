"""What a text encoder is to the rest of the program."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Vectors = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Encoding:
    """Texts as vectors."""

    vectors: Vectors
    """One row a text, of unit length; a text without anything to encode has a row of zeros, and one that the encoder failed on a row
    of NaN."""
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
    """Scale every row to unit length; rows of zeros stay zeros, and what is not finite becomes NaN.

    Args:
        vectors: One row a text.

    Returns:
        The same directions with length 1.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    # What is not finite is unscored by rewards; zeros would say that there was nothing to encode.
    lengths = np.where(np.isfinite(lengths), lengths, np.nan)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths != 0)


def vectors_or_nan(found: object, shape: tuple[int, int]) -> Vectors:
    """Take what an encoder's library gave for some texts.

    Args:
        found: Anything.
        shape: Texts and dimension that it should have.

    Returns:
        It, or NaN, which rewards leave unscored, where it is of another shape; a notice says so.
    """
    vectors = np.asarray(found, dtype=np.float32)
    if vectors.shape == shape:
        return vectors
    logger.warning(
        "embedding: the encoder gave numbers of the shape %s where %s was asked for; these texts are unscored",
        vectors.shape,
        shape,
    )
    return np.full(shape, np.nan, dtype=np.float32)
