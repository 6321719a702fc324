"""Formulas that differ only in names: of bound variables, or of symbols that are taken for one another."""

from collections.abc import Mapping
from itertools import count

from rlsr.logic.syntax import (
    Application,
    Atom,
    Binary,
    Constant,
    Equality,
    Formula,
    Not,
    Quantified,
    Symbol,
    Term,
    Variable,
    symbols,
)

Names = Mapping[Symbol, str]


def canonical_variables(formula: Formula) -> Formula:
    """Rename bound variables by the depth of their quantifiers: x1 the outermost, x2 below it.

    Args:
        formula: Any formula.

    Returns:
        An equivalent formula; two formulas become equal exactly when they are alpha-equivalent. Names of constants are
        passed over.
    """
    return rename_symbols(formula, {})


def alpha_equivalent(formula: Formula, other: Formula) -> bool:
    """Say whether two formulas differ at most in the names of their bound variables.

    Args:
        formula: Any formula.
        other: Any formula.

    Returns:
        True if they do; operands in another order make formulas differ.
    """
    return canonical_variables(formula) == canonical_variables(other)


def rename_symbols(formula: Formula, names: Names) -> Formula:
    """Give symbols other names.

    Args:
        formula: Any formula.
        names: The new name of each symbol that gets one.

    Returns:
        The same formula over the new symbols, with canonical variables, so that no new constant is captured.
    """
    constants = (symbol for symbol in symbols(formula) if symbol.kind == "constant")
    return _Renaming(names, {names.get(symbol, symbol.name) for symbol in constants}).formula(
        formula, ()
    )


class _Renaming:
    """Rebuilds formulas with other names; the variable of a depth always gets the same name.

    Args:
        names: The new name of each symbol that gets one.
        taken: Names of constants, which no variable may have.
    """

    def __init__(self, names: Names, taken: set[str]) -> None:
        self._names = names
        self._unused = (name for name in map("x{}".format, count(1)) if name not in taken)
        self._variables: list[str] = []

    def formula(self, formula: Formula, bound: tuple[str, ...]) -> Formula:
        """Rebuild a formula below the quantifiers of ``bound``, the outermost first."""
        match formula:
            case Atom(name, arguments):
                symbol = Symbol("predicate", name, len(arguments))
                return Atom(self._names.get(symbol, name), self._terms(arguments, bound))
            case Equality(left, right):
                return Equality(*self._terms((left, right), bound))
            case Not(operand):
                return Not(self.formula(operand, bound))
            case Binary(connective, left, right):
                return Binary(connective, self.formula(left, bound), self.formula(right, bound))
            case Quantified(quantifier, variable, body):
                name = self._variable(len(bound))
                return Quantified(quantifier, name, self.formula(body, (*bound, variable)))

    def _terms(self, terms: tuple[Term, ...], bound: tuple[str, ...]) -> tuple[Term, ...]:
        return tuple(self._term(term, bound) for term in terms)

    def _term(self, term: Term, bound: tuple[str, ...]) -> Term:
        match term:
            case Variable(name):
                # The innermost quantifier of this name binds it.
                depth = len(bound) - 1 - bound[::-1].index(name)
                return Variable(self._variable(depth))
            case Constant(name):
                return Constant(self._names.get(Symbol("constant", name), name))
            case Application(name, arguments):
                symbol = Symbol("function", name, len(arguments))
                return Application(self._names.get(symbol, name), self._terms(arguments, bound))

    def _variable(self, depth: int) -> str:
        while len(self._variables) <= depth:
            self._variables.append(next(self._unused))
        return self._variables[depth]
