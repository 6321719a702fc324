"""Formulas of FOLIO, and what is done to them in logic_failures.py."""

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from rlsr.errors import FormulaError
from rlsr.logic import Formula, parse_formula
from rlsr.logic.renaming import canonical_variables, rename_symbols
from rlsr.logic.syntax import Atom, Binary, Not, Quantified, Symbol, symbols

FILE = "folio_nl_fol_pairs.jsonl.gz"

Change = Callable[[Formula, Formula, Formula], Formula | None]


def read_formulas(directory: Path) -> tuple[list[Formula], list[str]]:
    """Read every formula.

    Args:
        directory: Where the file lies, a gzip of JSON lines with the formula in ``response``.

    Returns:
        The formulas, and a line with row number and reason for each that is none; the formulas themselves are not ours to
        publish.
    """
    with gzip.open(directory / FILE, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["response"] for line in lines]
    found, unread = [], []
    for row, text in enumerate(texts, start=1):
        try:
            found.append(parse_formula(text))
        except FormulaError as error:
            unread.append(f"row {row}: {_reason(str(error))}")
    return found, unread


def strangers(formulas: Sequence[Formula], seed: int) -> list[Formula]:
    """Pick for each formula another that has no predicate in common with it."""
    chooser = random.Random(seed)
    return [_stranger(formula, formulas, chooser) for formula in formulas]


def _stranger(formula: Formula, formulas: Sequence[Formula], chooser: random.Random) -> Formula:
    while True:
        other = chooser.choice(formulas)
        if _predicates(formula).isdisjoint(_predicates(other)):
            return other


def _reason(message: str) -> str:
    if "closes none" in message:
        return "a closing bracket without an opening one"
    if "close the bracket" in message:
        return "an opening bracket without a closing one"
    if "or a connective" in message:
        return "a connective is missing"
    return "a name with a space"


def variables_renamed(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Write other names of bound variables."""
    renamed = canonical_variables(formula)
    return renamed if renamed != formula else None


def contraposed(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Turn every implication around and negate its sides."""
    return _at_first(formula, "implies", lambda p, q: Binary("implies", Not(q), Not(p)))


def predicates_respelled(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Put ``Is`` before every predicate."""
    names = {symbol: f"Is{symbol.name}" for symbol in _predicates(formula)}
    return rename_symbols(formula, names)


def predicates_foreign(formula: Formula, other: Formula, third: Formula) -> Formula | None:
    """Keep the form and take the predicates of other formulas."""
    foreign = sorted((_predicates(other) | _predicates(third)) - _predicates(formula))
    own = sorted(_predicates(formula))
    if len(foreign) < len(own):
        return None
    return rename_symbols(
        formula, {symbol: new.name for symbol, new in zip(own, foreign, strict=False)}
    )


def negated(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Negate the whole."""
    return formula.operand if isinstance(formula, Not) else Not(formula)


def implication_swapped(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Exchange the sides of the outermost implication."""
    return _at_first(formula, "implies", lambda p, q: Binary("implies", q, p))


def quantifier_changed(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Exchange forall and exists in the outermost quantifier."""
    match formula:
        case Quantified("forall", variable, body):
            return Quantified("exists", variable, body)
        case Quantified("exists", variable, body):
            return Quantified("forall", variable, body)
        case _:
            return None


def unrelated(_: Formula, other: Formula, __: Formula) -> Formula | None:
    """Answer with another formula."""
    return other


def conjunct_dropped(formula: Formula, _: Formula, __: Formula) -> Formula | None:
    """Leave out the right side of the outermost conjunction."""
    return _at_first(formula, "and", lambda p, _: p)


def wrong_conjunct(formula: Formula, other: Formula, _: Formula) -> Formula | None:
    """Add another formula by and."""
    return Binary("and", formula, other)


CHANGES: dict[str, Change] = {
    "bound variables renamed": variables_renamed,
    "contraposed": contraposed,
    "predicates respelled (Is-)": predicates_respelled,
    "conjunct dropped": conjunct_dropped,
    "wrong conjunct added": wrong_conjunct,
    "quantifier changed": quantifier_changed,
    "implication swapped": implication_swapped,
    "negated": negated,
    "same form, foreign predicates": predicates_foreign,
    "unrelated": unrelated,
}
"""From what should score 1 to what should score 0 or less."""


def _predicates(formula: Formula) -> set[Symbol]:
    return {symbol for symbol in symbols(formula) if symbol.kind == "predicate"}


def _at_first(
    formula: Formula, connective: str, change: Callable[[Formula, Formula], Formula]
) -> Formula | None:
    """Change the outermost formula of a connective; None where there is none."""
    match formula:
        case Binary(found, left, right) if found == connective:
            return change(left, right)
        case Binary(other, left, right):
            changed = _at_first(left, connective, change)
            if changed is not None:
                return Binary(other, changed, right)
            changed = _at_first(right, connective, change)
            return None if changed is None else Binary(other, left, changed)
        case Not(operand):
            changed = _at_first(operand, connective, change)
            return None if changed is None else Not(changed)
        case Quantified(quantifier, variable, body):
            changed = _at_first(body, connective, change)
            return None if changed is None else Quantified(quantifier, variable, changed)
        case Atom() | _:
            return None
