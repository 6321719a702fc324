"""The score LE of S-GRPO: literals bound by embedding, truth tables compared row by row."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from rlsr.config.logic import LiteralEvaluation
from rlsr.embeddings.protocol import Embedder
from rlsr.logic.binding import NameVectors, encode_names
from rlsr.logic.connectives import Truths, connect
from rlsr.logic.model_sampling import Pair, Scores
from rlsr.logic.printer import print_formula
from rlsr.logic.syntax import Atom, Binary, Equality, Formula, Not, Quantified, walk

_DEFAULTS = LiteralEvaluation()


def literal_evaluation_scores(
    pairs: Sequence[Pair], embedder: Embedder, settings: LiteralEvaluation = _DEFAULTS
) -> Scores:
    """Score formulas by the share of the rows of a common truth table in which they agree.

    Quantifiers are left out, so forall and exists are the same. The distinct literals of both formulas, without their
    negation signs, are its propositions: each literal of the reference takes the formula's closest one, and where several
    take the same, each choice of the one that keeps it is tried. The best choice counts. There is no correction for chance:
    unrelated formulas score far above 0.

    Args:
        pairs: Formula and reference; None is what could not be read.
        embedder: Encodes literals as they are printed.
        settings: Threshold and limits.

    Returns:
        Scores in [0, 1]; NaN where one of the two is None or beyond the limits.

    Source:
        arXiv 2512.14100, as in its published code (docs/papers.md). Deviations: beyond the limits is unscored instead of 0,
        and the number of literals has a limit.
    """
    scorable = [_is_scorable(*pair, settings) for pair in pairs]
    texts = {
        literal
        for pair, is_scorable in zip(pairs, scorable, strict=True)
        for one in pair
        if is_scorable and one is not None
        for literal in _literals(one)
    }
    vectors = encode_names(texts, embedder)
    return np.array([_score(*pair, vectors, settings) for pair in pairs], dtype=np.float64)


def _score(
    formula: Formula | None,
    reference: Formula | None,
    vectors: NameVectors,
    settings: LiteralEvaluation,
) -> float:
    if not _is_scorable(formula, reference, settings):
        return float("nan")
    assert formula is not None, "scorable"
    assert reference is not None, "scorable"
    ours, theirs = _literals(formula), _literals(reference)
    closest = _closest(ours, theirs, vectors)
    num_propositions = len(theirs) + len(ours) - len({literal for literal, _ in closest.values()})
    if num_propositions > settings.max_literals:
        return float("nan")
    columns = _truth_table(num_propositions)
    expected = _evaluate(reference, dict(zip(theirs, columns, strict=False)))
    shares = [
        float((_evaluate(formula, values) == expected).mean())
        for values in _assignments(ours, theirs, closest, columns, settings.min_cosine)
    ]
    return max(shares, default=0.0)


def _closest(
    ours: Sequence[str], theirs: Sequence[str], vectors: NameVectors
) -> dict[str, tuple[str, float]]:
    """Find for each literal of the reference the closest one of the formula, and its cosine."""
    found = {}
    for literal in theirs:
        cosines = [round(float(np.dot(vectors[own], vectors[literal])), 6) for own in ours]
        best = int(np.argmax(cosines))
        found[literal] = (ours[best], cosines[best])
    return found


def _assignments(
    ours: Sequence[str],
    theirs: Sequence[str],
    closest: Mapping[str, tuple[str, float]],
    columns: Sequence[Truths],
    min_cosine: float | None,
) -> Iterator[dict[str, Truths]]:
    """Give the formula's literals the columns of the reference's that keep them, and columns of their own to the rest."""
    rivals: defaultdict[str, list[str]] = defaultdict(list)
    for literal in theirs:
        rivals[closest[literal][0]].append(literal)
    place = {literal: row for row, literal in enumerate(theirs)}
    rest = [own for own in ours if own not in rivals]
    dummies = dict(zip(rest, columns[len(theirs) :], strict=True))
    for keepers in product(*rivals.values()):
        too_far = min_cosine is not None and any(
            closest[keeper][1] < min_cosine for keeper in keepers
        )
        if not too_far:
            kept = zip(rivals, keepers, strict=True)
            yield {**dummies, **{own: columns[place[keeper]] for own, keeper in kept}}


@lru_cache(maxsize=32)
def _truth_table(num_propositions: int) -> tuple[Truths, ...]:
    rows = np.arange(2**num_propositions)
    return tuple((rows >> place & 1).astype(np.bool_) for place in range(num_propositions))


def _evaluate(formula: Formula, values: Mapping[str, Truths]) -> Truths:
    match formula:
        case Atom() | Equality():
            return values[print_formula(formula)]
        case Not(operand):
            return ~_evaluate(operand, values)
        case Quantified(_, _, body):
            return _evaluate(body, values)
        case Binary(connective, left, right):
            return connect(connective, _evaluate(left, values), _evaluate(right, values))


def _literals(formula: Formula) -> list[str]:
    """List the distinct atoms of a formula as they are printed, in reading order."""
    atoms = (part for part in walk(formula) if isinstance(part, Atom | Equality))
    return list(dict.fromkeys(map(print_formula, atoms)))


def _is_scorable(
    formula: Formula | None, reference: Formula | None, settings: LiteralEvaluation
) -> bool:
    return all(one is not None and _within(one, settings) for one in (formula, reference))


def _within(formula: Formula, settings: LiteralEvaluation) -> bool:
    connectives = [part.connective for part in walk(formula) if isinstance(part, Binary)]
    counts = (
        (len(print_formula(formula)), settings.max_characters),
        (connectives.count("and"), settings.max_ands),
        (connectives.count("or"), settings.max_ors),
    )
    return all(limit is None or number <= limit for number, limit in counts)
