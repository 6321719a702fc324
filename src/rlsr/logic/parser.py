"""From text to formula, with errors that say where."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, get_args

from rlsr.config.logic import FormulaLimits
from rlsr.errors import FormulaError, MissingPackageError
from rlsr.logic.syntax import (
    Application,
    Atom,
    Binary,
    Connective,
    Constant,
    Equality,
    Formula,
    Not,
    Quantified,
    Quantifier,
    SymbolKind,
    Term,
    Variable,
    looks_like_a_variable,
)
from rlsr.packages import package_directory

if TYPE_CHECKING:
    from lark import Lark, Token, Tree
    from lark.exceptions import UnexpectedInput

_CONNECTIVES = frozenset(get_args(Connective))
_OPENING, _CLOSING = "([", ")]"
_NO_LIMITS = FormulaLimits()

_DESCRIPTIONS = {
    "END": "the end of the formula",
    "$END": "the end of the formula",
    "_CLOSE": "a closing bracket",
    "_CLOSE_SQUARE": "a closing bracket",
    "_COMMA": "a comma",
    "_OPEN": "an opening bracket",
    "_OPEN_SQUARE": "an opening bracket",
    "NAME": "a name",
    "VARIABLE": "a variable",
    "NOT": "¬",
    "FORALL": "a quantifier",
    "EXISTS": "a quantifier",
    **dict.fromkeys(("_AND", "_OR", "_XOR", "_IMPLIES", "_IFF"), "a connective"),
    **dict.fromkeys(("_EQUAL", "_UNEQUAL"), "="),
}
"""What the grammar's tokens are to a reader; _SCOPE, which authors need not write, is left out."""


def parse_formula(text: str, limits: FormulaLimits = _NO_LIMITS) -> Formula:
    """Read a first-order formula.

    From the tightest to the loosest: ¬ and quantifiers, ∧, ⊕, ∨, →, ↔; → groups to the right, the others to the left. A
    quantifier before a bracket reaches to the bracket's end. Before anything else, or with a dot or colon after the
    variable, it reaches as far to the right as it can: ``∀x P(x) → Q(x)`` is ``∀x (P(x) → Q(x))``. A name that no
    quantifier binds is a constant, ``x`` included (``FormulaLimits.allow_free_variables``).

    Args:
        text: In the notation of FOLIO and MALLS or its ASCII spelling: forall, all, exists, some; ~, !, not; &, and; |, or;
            ->, =>; <->, <=>; ^, xor; =, !=. One dot may end it.
        limits: What is too large.

    Returns:
        The formula; ``a != b`` becomes the negation of an equality.

    Raises:
        FormulaError: The text is no formula, is too large, or uses a name with two arities.
        MissingPackageError: lark is not installed.
    """
    if len(text) > limits.max_characters:
        raise FormulaError(
            f"must have at most {limits.max_characters} characters, got {len(text)}; "
            "shorten it or raise max_characters"
        )
    return _Builder(limits).build(_parse_tree(text))


def _parse_tree(text: str) -> "Tree[Token]":
    grammar = load_grammar()
    from lark.exceptions import UnexpectedInput

    try:
        return grammar.parse(text)
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from error


@cache
def load_grammar() -> "Lark":
    """Load the grammar, once; what reads formulas later can load it early to find out that lark is missing.

    Returns:
        The parser that lark made of ``grammar.lark``.

    Raises:
        MissingPackageError: lark is not installed.
    """
    if package_directory("lark") is None:
        raise MissingPackageError("lark", "read formulas", "pip install 'rlsr[logic]'")
    from lark import Lark

    return Lark.open_from_package(
        __name__, "grammar.lark", parser="lalr", postlex=_ScopeMarks(), propagate_positions=True
    )


class _ScopeMarks:
    """Adds the scope mark after the variables of a quantifier that neither a bracket nor another quantifier follows."""

    always_accept = ()
    # What may follow the variables without a mark.
    _UNMARKED = frozenset({"_SCOPE", "_OPEN", "_OPEN_SQUARE", "FORALL", "EXISTS", "_COMMA"})

    def process(self, stream: "Iterator[Token]") -> "Iterator[Token]":
        after_variable = False
        for token in stream:
            if after_variable and token.type not in self._UNMARKED:
                yield token.new_borrow_pos("_SCOPE", ".", token)
            yield token
            after_variable = token.type == "VARIABLE"


def _syntax_error(text: str, error: "UnexpectedInput") -> FormulaError:
    """Say what was expected and got, and point at a bracket that has no partner if there is one."""
    at_end = _is_end(error)
    # lark declares the position as None and sets it later.
    place = len(text) if at_end else int(getattr(error, "pos_in_stream", 0))
    terminals = getattr(error, "accepts", None) or getattr(error, "allowed", None) or ()
    known = {_DESCRIPTIONS[name] for name in terminals if name in _DESCRIPTIONS}
    rule = f"expected {' or '.join(sorted(known))}, got " if known else "cannot read "
    got = "the end of the text" if at_end else repr(text[place : place + 12])
    return FormulaError(f"{rule}{got}; {_way_out(text)}", place + 1)


def _is_end(error: "UnexpectedInput") -> bool:
    token = getattr(error, "token", None)
    return token is not None and token.type == "$END"


def _way_out(text: str) -> str:
    waiting: list[int] = []
    for place, character in enumerate(text):
        if character in _OPENING:
            waiting.append(place)
        elif character in _CLOSING:
            if not waiting:
                return f"the bracket at character {place + 1} closes none: remove it"
            waiting.pop()
    if waiting:
        return f"close the bracket opened at character {waiting[-1] + 1}"
    return "write it as in ∀x (Cat(x) → ¬Dog(x)), names without spaces"


class _Builder:
    """Turns a parse tree into a formula; knows which variables are bound and which arity a name has.

    Args:
        limits: What is too large.
    """

    def __init__(self, limits: FormulaLimits) -> None:
        self._limits = limits
        self._arities: dict[tuple[SymbolKind, str], tuple[int, int]] = {}

    def build(self, tree: "Tree[Token]") -> Formula:
        _check_depth(tree, self._limits.max_depth)
        return self._formula(tree.children[0], ())

    def _formula(self, tree: "Tree[Token] | Token", bound: tuple[str, ...]) -> Formula:
        assert not isinstance(tree, str), "the grammar puts no bare token where a formula stands"
        parts = tree.children
        match tree.data:
            case "not":
                return Not(self._formula(parts[1], bound))
            case "quantified":
                return self._quantified(parts, bound)
            case "atom":
                name, arguments = self._named("predicate", parts, bound)
                return Atom(name, arguments)
            case "equality":
                return Equality(self._term(parts[0], bound), self._term(parts[1], bound))
            case "inequality":
                return Not(Equality(self._term(parts[0], bound), self._term(parts[1], bound)))
            case _:
                return self._chain(tree, bound)

    def _chain(self, tree: "Tree[Token]", bound: tuple[str, ...]) -> Formula:
        """Group equal connectives: a chain of → is a right operand of a right operand in the tree already."""
        connective = _connective(tree.data)
        first, *others = (self._formula(part, bound) for part in tree.children)
        for other in others:
            first = Binary(connective, first, other)
        return first

    def _quantified(self, parts: "list[Tree[Token] | Token]", bound: tuple[str, ...]) -> Formula:
        mark, *variables, body = parts
        assert isinstance(mark, str), "a quantified formula begins with its mark"
        names = [str(name) for name in variables]
        scope = (*bound, *(name for name in names))
        if len(scope) > self._limits.max_variables:
            raise FormulaError(
                f"at most {self._limits.max_variables} variables may be in scope at once, got {len(scope)}; "
                "split the formula or raise max_variables",
                _position(mark),
            )
        formula = self._formula(body, scope)
        quantifier: Quantifier = "forall" if mark.type == "FORALL" else "exists"
        for name in reversed(names):
            formula = Quantified(quantifier, name, formula)
        return formula

    def _term(self, tree: "Tree[Token] | Token", bound: tuple[str, ...]) -> Term:
        assert not isinstance(tree, str), "the grammar puts no bare token where a term stands"
        parts = tree.children
        if len(parts) > 1:
            name, arguments = self._named("function", parts, bound)
            return Application(name, arguments)
        token = parts[0]
        assert isinstance(token, str), "a term begins with its name"
        name = str(token)
        if name in bound:
            return Variable(name)
        if not self._limits.allow_free_variables and looks_like_a_variable(name):
            raise FormulaError(
                f"the variable {name} must be bound by a quantifier; add one, or set allow_free_variables to read it "
                "as a constant",
                _position(token),
            )
        return Constant(name)

    def _named(
        self, kind: SymbolKind, parts: "list[Tree[Token] | Token]", bound: tuple[str, ...]
    ) -> tuple[str, tuple[Term, ...]]:
        token = parts[0]
        assert isinstance(token, str), "an application begins with its name"
        arguments = tuple(self._term(part, bound) for part in parts[1:])
        self._check_arity(kind, token, len(arguments))
        return str(token), arguments

    def _check_arity(self, kind: SymbolKind, token: "Token", arity: int) -> None:
        if arity > self._limits.max_arity:
            raise FormulaError(
                f"{token} must have at most {self._limits.max_arity} arguments, got {arity}; raise max_arity",
                _position(token),
            )
        before, place = self._arities.setdefault((kind, str(token)), (arity, _position(token)))
        if before != arity:
            raise FormulaError(
                f"{token} must have as many arguments everywhere, got {arity} here and {before} at character {place}; "
                "give one of them another name",
                _position(token),
            )


def _connective(rule: str) -> Connective:
    assert rule in _CONNECTIVES, f"no connective is called {rule}"
    return rule  # type: ignore[return-value]  # the assertion above is what mypy cannot see


def _position(token: "Token") -> int:
    return (token.start_pos or 0) + 1


def _check_depth(tree: "Tree[Token]", limit: int) -> None:
    """Refuse what recursion could not survive; a chain of operands is as deep as it is long."""
    waiting: list[tuple[Tree[Token], int]] = [(tree, 0)]
    while waiting:
        current, depth = waiting.pop()
        if depth > limit:
            raise FormulaError(
                f"must be nested at most {limit} deep; split it or raise max_depth",
                current.meta.start_pos + 1,
            )
        parts = [part for part in current.children if not isinstance(part, str)]
        is_chain = current.data in _CONNECTIVES
        below = [depth + (len(parts) - place if is_chain else 1) for place in range(len(parts))]
        waiting.extend(reversed(list(zip(parts, below, strict=True))))
