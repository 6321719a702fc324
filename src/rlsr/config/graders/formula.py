"""The formula of a multigrader: what a score is made of, read by Python's own parser and computed here, step by step."""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rlsr.config.graders.template import did_you_mean

MAX_CHARACTERS: Final = 2000
MAX_DEPTH: Final = 200

_BINARY: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    # Of a negative number and a fraction ** would be a complex number.
    ast.Pow: math.pow,
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[float], float]]] = {
    ast.UAdd: lambda value: value,
    ast.USub: lambda value: -value,
}
_OF_ONE: Final[Mapping[str, Callable[[float], float]]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": math.log,
}
_OF_SEVERAL: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {"min": min, "max": max}
FUNCTIONS: Final = (*_OF_SEVERAL, *_OF_ONE)
"""What OpenAI's guide lists; ``log`` is the natural one."""

_Evaluate = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True)
class Formula:
    """A formula that was read."""

    names: frozenset[str]
    """The graders that it asks for."""
    compute: _Evaluate

    def value(self, scores: Mapping[str, float]) -> float:
        """Compute it.

        Args:
            scores: By the name of a grader; NaN is unscored.

        Returns:
            A finite number; NaN where a score is NaN, or where there is no such number: a division by zero, the logarithm or the
            root of a negative number, or what is too large.
        """
        if any(math.isnan(scores[name]) for name in self.names):
            return math.nan
        try:
            found = float(self.compute(scores))
        except (ArithmeticError, ValueError):
            return math.nan
        return found if math.isfinite(found) else math.nan


def parse_formula(text: str, names: Sequence[str]) -> Formula:
    """Read a formula.

    Args:
        text: As ``calculate_output`` has it, with + - * / ^ (or **), brackets, numbers, the names of graders and ``FUNCTIONS``.
        names: The graders that there are.

    Returns:
        The formula.

    Raises:
        ValueError: It is none, is too long or too deep, or names what is not there.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"must have at most {MAX_CHARACTERS:,} characters, got {len(text):,}")
    if "#" in text or "\\" in text:
        raise ValueError(f"must be a formula without comments and backslashes, got {text!r}")
    try:
        # ^ binds as a power does, unlike Python's own; a formula may go over several lines.
        tree = ast.parse(" ".join(text.replace("^", "**").split()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"must be a formula, as in (name + 0.5 * email) / 2, got {text!r}: {getattr(error, 'msg', error)}") from error  # fmt: skip
    used: set[str] = set()
    return Formula(compute=_read(tree.body, names, used, MAX_DEPTH), names=frozenset(used))


def _read(node: ast.expr, names: Sequence[str], used: set[str], depth: int) -> _Evaluate:
    """Turn a node into a function of the scores; the depth is what may still lie below it."""
    if depth == 0:
        raise ValueError(f"must be at most {MAX_DEPTH} operations deep")
    match node:
        case ast.Constant(value=bool() | complex()):
            pass
        case ast.Constant(value=int() | float() as number):
            return _constant(number)
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"there is no grader {name!r}: there are {', '.join(names)}{_meant(name, names)}")  # fmt: skip
            used.add(name)
            return lambda scores: scores[name]
        case ast.UnaryOp(op=sign, operand=inner) if type(sign) in _UNARY:
            return _applied(_UNARY[type(sign)], _read(inner, names, used, depth - 1))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            return _joined(
                _BINARY[type(operator)],
                _read(left, names, used, depth - 1),
                _read(right, names, used, depth - 1),
            )
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            _require_call(name, len(arguments))
            return _call(name, [_read(one, names, used, depth - 1) for one in arguments])
    raise ValueError(f"may have numbers, the names of graders, + - * / ^, brackets and {', '.join(FUNCTIONS)}, got {ast.unparse(node)[:80]!r}")  # fmt: skip


def _constant(number: float) -> _Evaluate:
    try:
        value = float(number)
    except OverflowError as error:
        raise ValueError(f"a number is too large: {str(number)[:80]}") from error
    return lambda _: value


def _require_call(name: str, num_arguments: int) -> None:
    """Refuse a function that is not there, or that takes another number of arguments."""
    if name not in FUNCTIONS:
        raise ValueError(f"there is no function {name!r}: there are {', '.join(FUNCTIONS)}{did_you_mean(name, FUNCTIONS)}")  # fmt: skip
    if num_arguments < 2 if name in _OF_SEVERAL else num_arguments != 1:
        wanted = "two arguments or more" if name in _OF_SEVERAL else "one argument"
        raise ValueError(f"{name} takes {wanted}, got {num_arguments}")


def _call(name: str, arguments: Sequence[_Evaluate]) -> _Evaluate:
    if name in _OF_ONE:
        return _applied(_OF_ONE[name], arguments[0])
    choose = _OF_SEVERAL[name]
    return lambda scores: choose([argument(scores) for argument in arguments])


def _applied(function: Callable[[float], float], inner: _Evaluate) -> _Evaluate:
    return lambda scores: function(inner(scores))


def _joined(
    function: Callable[[float, float], float], left: _Evaluate, right: _Evaluate
) -> _Evaluate:
    return lambda scores: function(left(scores), right(scores))


def _meant(name: str, names: Sequence[str]) -> str:
    if name in FUNCTIONS:
        return f"; {name} is a function, as in {name}(...)"
    return did_you_mean(name, names)
