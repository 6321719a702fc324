"""Which names of two formulas mean the same: by spelling first, then by embedding."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from rlsr.embeddings.protocol import Embedder, Vectors
from rlsr.logic.syntax import Formula, Symbol, symbols

NameVectors = Mapping[str, Vectors]

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_DECIMALS = 6


def readable(name: str) -> str:
    """Spell a name as words, so that an encoder knows them: ``WonPrize_2020`` is ``won prize 2020``.

    Args:
        name: Name of a predicate, function or constant.

    Returns:
        Lower-case words; the name itself where it has none.
    """
    return " ".join(_PARTS.findall(name)).lower() or name


def unmatched_names(formula: Formula, reference: Formula) -> set[str]:
    """List the names that only an embedding can bind.

    Args:
        formula: The formula whose names are to be bound.
        reference: Where to.

    Returns:
        Readable names of the symbols on both sides that the other side does not have.
    """
    ours, theirs = symbols(formula), symbols(reference)
    return {readable(symbol.name) for symbol in ours ^ theirs}


def encode_names(names: Iterable[str], embedder: Embedder) -> NameVectors:
    """Encode names or literals, each once.

    Args:
        names: Texts.
        embedder: The encoder.

    Returns:
        A unit vector a text.
    """
    ordered = sorted(set(names))
    if not ordered:
        return {}
    vectors = embedder.encode(ordered).vectors
    return dict(zip(ordered, vectors, strict=True))


def bind_symbols(
    formula: Formula, reference: Formula, vectors: NameVectors, min_cosine: float
) -> dict[Symbol, str]:
    """Find for the symbols of a formula those of the reference that mean the same.

    Symbols of equal spelling belong together; of the others the closest pair of one kind and arity is taken, then the
    closest of those that are left, down to ``min_cosine``. Each symbol is taken once, and the outcome does not depend on
    which of the formulas is called the reference.

    Args:
        formula: The formula whose symbols are to be bound.
        reference: Where to.
        vectors: Of the readable names of ``unmatched_names``.
        min_cosine: The least cosine of a pair.

    Returns:
        The reference's name for each bound symbol that is spelt otherwise.
    """
    ours, theirs = symbols(formula), symbols(reference)
    pairs = [
        _Pair(_closeness(own, other, vectors), own, other)
        for own in ours - theirs
        for other in theirs - ours
        if (own.kind, own.arity) == (other.kind, other.arity)
    ]
    bound: dict[Symbol, str] = {}
    taken: set[Symbol] = set()
    for pair in sorted(pairs, key=_Pair.order):
        if pair.cosine >= min_cosine and pair.own not in bound and pair.other not in taken:
            bound[pair.own] = pair.other.name
            taken.add(pair.other)
    return bound


class _Pair(NamedTuple):
    """Two symbols that may mean the same."""

    cosine: float
    own: Symbol
    other: Symbol

    def order(self) -> tuple[float, list[Symbol]]:
        """Put the closest first; equally close ones by name, whichever side has which."""
        return -self.cosine, sorted((self.own, self.other))


def _closeness(first: Symbol, second: Symbol, vectors: NameVectors) -> float:
    ours, theirs = readable(first.name), readable(second.name)
    if ours == theirs:
        return 1.0
    # Rounded, so that the last bit of a sum cannot decide between two pairs.
    return round(float(np.dot(vectors[ours], vectors[theirs])), _DECIMALS)
