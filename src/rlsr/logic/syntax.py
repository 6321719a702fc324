"""First-order formulas as plain data, and what can be read off them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Connective = Literal["and", "or", "xor", "implies", "iff"]
Quantifier = Literal["forall", "exists"]
SymbolKind = Literal["predicate", "function", "constant"]

_LIKE_A_VARIABLE = re.compile(r"[u-z]\d?")


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a quantifier around it binds."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A name that no quantifier binds: an individual."""

    name: str


@dataclass(frozen=True, slots=True)
class Application:
    """A function of individuals, as in ``mother(x)``."""

    function: str
    arguments: "tuple[Term, ...]"


Term = Variable | Constant | Application


@dataclass(frozen=True, slots=True)
class Atom:
    """A predicate of individuals; without arguments a proposition."""

    predicate: str
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Equality:
    """Two terms denote the same individual."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Not:
    """A negation."""

    operand: "Formula"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two formulas under a connective."""

    connective: Connective
    left: "Formula"
    right: "Formula"


@dataclass(frozen=True, slots=True)
class Quantified:
    """A formula about all individuals, or about some."""

    quantifier: Quantifier
    variable: str
    body: "Formula"


Formula = Atom | Equality | Not | Binary | Quantified
Node = Formula | Term


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A name with its role; one name with two arities is two symbols."""

    kind: SymbolKind
    name: str
    arity: int = 0


def children(node: Node) -> tuple[Node, ...]:
    """List the direct parts of a formula or term.

    Args:
        node: Any node.

    Returns:
        Its operands or arguments, from left to right.
    """
    match node:
        case Not(operand):
            return (operand,)
        case Binary(_, left, right) | Equality(left, right):
            return (left, right)
        case Quantified(_, _, body):
            return (body,)
        case Atom(_, arguments) | Application(_, arguments):
            return arguments
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Visit a formula and all its parts without recursion.

    Args:
        node: Any node.

    Yields:
        Every node before its parts, from left to right.
    """
    waiting: list[Node] = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


def symbols(node: Node) -> frozenset[Symbol]:
    """Collect what an interpretation must give a meaning to.

    Args:
        node: Any node.

    Returns:
        Predicates, functions and constants; neither variables nor equality.
    """
    found = set()
    for part in walk(node):
        match part:
            case Atom(name, arguments):
                found.add(Symbol("predicate", name, len(arguments)))
            case Application(name, arguments):
                found.add(Symbol("function", name, len(arguments)))
            case Constant(name):
                found.add(Symbol("constant", name))
            case _:
                pass
    return frozenset(found)


def looks_like_a_variable(name: str) -> bool:
    """Say whether a name is one that authors give to variables: u to z, with at most one digit."""
    return _LIKE_A_VARIABLE.fullmatch(name) is not None


def free_variables(formula: Formula) -> frozenset[str]:
    """Collect constants that were probably meant as variables.

    Args:
        formula: Any formula.

    Returns:
        Names that no quantifier binds and that look like variables.
    """
    names = (part.name for part in walk(formula) if isinstance(part, Constant))
    return frozenset(filter(looks_like_a_variable, names))
