"""Formulas for tests: hypothesis strategies, and an encoder that knows only what it was told."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from rlsr.embeddings import Encoding
from rlsr.logic import Formula
from rlsr.logic.syntax import (
    Application,
    Atom,
    Binary,
    Connective,
    Constant,
    Equality,
    Not,
    Quantified,
    Quantifier,
    Term,
    Variable,
)

VARIABLES = ("x", "y", "z")
CONSTANTS = ("tom", "mr.smith", "l-2021", "a+")
PREDICATES = (("P", 1), ("Q", 1), ("R", 2), ("Rain", 0))
CONNECTIVES: tuple[Connective, ...] = ("and", "or", "xor", "implies", "iff")
QUANTIFIERS: tuple[Quantifier, ...] = ("forall", "exists")


class SynonymEmbedder:
    """Texts that were declared synonyms share a vector; all others are nearly at right angles."""

    identity = "synonyms"

    def __init__(self, synonyms: Mapping[str, str] | None = None) -> None:
        self._synonyms = synonyms or {}
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Encoding:
        self.calls.append(list(texts))
        rows = [self._vector(self._synonyms.get(text, text)) for text in texts]
        return Encoding(
            np.array(rows, dtype=np.float32).reshape(len(texts), 256),
            np.zeros(len(texts), dtype=np.bool_),
        )

    def _vector(self, text: str) -> np.ndarray:
        vector = np.random.default_rng(zlib.crc32(text.encode())).normal(size=256)
        return vector / np.linalg.norm(vector)


def formulas(
    *,
    constants: Sequence[str] = CONSTANTS,
    predicates: Sequence[tuple[str, int]] = PREDICATES,
    with_terms: bool = True,
    max_leaves: int = 6,
) -> st.SearchStrategy[Formula]:
    """Draw well-formed formulas; with terms they have functions and equality."""
    return st.recursive(
        _atoms((), constants, predicates, with_terms),
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(Binary, st.sampled_from(CONNECTIVES), inner, inner),
            _quantified(constants, predicates, with_terms),
        ),
        max_leaves=max_leaves,
    )


def _quantified(
    constants: Sequence[str], predicates: Sequence[tuple[str, int]], with_terms: bool
) -> st.SearchStrategy[Formula]:
    """Draw closed quantified formulas with up to three nested variables."""

    def below(bound: tuple[str, ...]) -> st.SearchStrategy[Formula]:
        atoms = _atoms(bound, constants, predicates, with_terms)
        simple = st.one_of(
            atoms,
            st.builds(Not, atoms),
            st.builds(Binary, st.sampled_from(CONNECTIVES), atoms, atoms),
        )
        if len(bound) == len(VARIABLES):
            return simple
        deeper = st.sampled_from(VARIABLES).flatmap(
            lambda name: st.builds(
                Quantified, st.sampled_from(QUANTIFIERS), st.just(name), below((*bound, name))
            )
        )
        return deeper if not bound else st.one_of(simple, deeper)

    return below(())


def _atoms(
    bound: tuple[str, ...],
    constants: Sequence[str],
    predicates: Sequence[tuple[str, int]],
    with_terms: bool,
) -> st.SearchStrategy[Formula]:
    terms: st.SearchStrategy[Term] = st.sampled_from(
        [*map(Variable, bound), *map(Constant, constants)]
    )
    if with_terms:
        terms = st.one_of(terms, st.builds(lambda term: Application("f", (term,)), terms))
    atoms: st.SearchStrategy[Formula] = st.sampled_from(predicates).flatmap(
        lambda predicate: st.tuples(*[terms] * predicate[1]).map(
            lambda arguments: Atom(predicate[0], arguments)
        )
    )
    return st.one_of(atoms, st.builds(Equality, terms, terms)) if with_terms else atoms
