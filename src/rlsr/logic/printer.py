"""From formula to text that reads back as the same formula."""

import re
from typing import Literal

from rlsr.logic.syntax import (
    Application,
    Atom,
    Binary,
    Connective,
    Equality,
    Formula,
    Not,
    Quantified,
    Term,
)

Style = Literal["unicode", "ascii"]

_BINDING: dict[Connective, int] = {"iff": 0, "implies": 1, "or": 2, "xor": 3, "and": 4}
"""How tightly a connective holds its operands; ¬ and quantifiers hold tighter."""

_SPELLINGS: dict[Style, dict[str, str]] = {
    "unicode": {
        "and": "∧", "or": "∨", "xor": "⊕", "implies": "→", "iff": "↔", "not": "¬", "forall": "∀", "exists": "∃", "unequal": "≠",
    },
    "ascii": {
        "and": "&", "or": "|", "xor": "^", "implies": "->", "iff": "<->", "not": "~", "forall": "forall ", "exists": "exists ",
        "unequal": "!=",
    },
}  # fmt: skip

_TOKEN = re.compile(r"[^\s(),¬∀∃]+|[(),¬∀∃]")


def print_formula(formula: Formula, style: Style = "unicode") -> str:
    """Write a formula with no more brackets than reading it back needs, except around the body of a quantifier.

    Args:
        formula: Any formula.
        style: ``unicode`` is the notation of FOLIO, ``ascii`` has forall, exists, ~, &, |, ^, -> and <->.

    Returns:
        One line; ``parse_formula`` makes an equal formula of it.
    """
    spelling = _SPELLINGS[style]
    match formula:
        case Atom(name, arguments):
            return _applied(name, arguments)
        case Equality(left, right):
            return f"{_print_term(left)} = {_print_term(right)}"
        case Not(Equality(left, right)):
            return f"{_print_term(left)} {spelling['unequal']} {_print_term(right)}"
        case Not(operand):
            return spelling["not"] + _print_tight(operand, style)
        case Quantified(quantifier, variable, body):
            inside = print_formula(body, style)
            inside = inside if isinstance(body, Quantified) else f"({inside})"
            return f"{spelling[quantifier]}{variable} {inside}"
        case Binary():
            return _print_binary(formula, style)


def formula_tokens(formula: Formula) -> list[str]:
    """Split a formula's print into its names, operators and brackets.

    Args:
        formula: Any formula.

    Returns:
        Tokens in reading order, for n-gram metrics.
    """
    return _TOKEN.findall(print_formula(formula))


def _print_binary(formula: Binary, style: Style) -> str:
    binding = _BINDING[formula.connective]
    groups_right = formula.connective == "implies"
    left = _print_operand(formula.left, binding + groups_right, style)
    right = _print_operand(formula.right, binding + (not groups_right), style)
    return f"{left} {_SPELLINGS[style][formula.connective]} {right}"


def _print_operand(operand: Formula, needed: int, style: Style) -> str:
    """Write an operand, in brackets unless its connective binds at least as tightly as needed."""
    text = print_formula(operand, style)
    if isinstance(operand, Binary) and _BINDING[operand.connective] < needed:
        return f"({text})"
    return text


def _print_tight(operand: Formula, style: Style) -> str:
    text = print_formula(operand, style)
    has_equals = isinstance(operand, Not) and isinstance(operand.operand, Equality)
    return f"({text})" if isinstance(operand, Binary | Equality) or has_equals else text


def _print_term(term: Term) -> str:
    if isinstance(term, Application):
        return _applied(term.function, term.arguments)
    return term.name


def _applied(name: str, arguments: tuple[Term, ...]) -> str:
    return f"{name}({', '.join(map(_print_term, arguments))})" if arguments else name
