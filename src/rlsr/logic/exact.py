"""What a prover can decide: equivalence and entailment in all interpretations."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rlsr.errors import MissingPackageError
from rlsr.logic.syntax import (
    Application,
    Atom,
    Binary,
    Constant,
    Equality,
    Formula,
    Not,
    Quantified,
    Term,
    Variable,
)
from rlsr.packages import package_directory

if TYPE_CHECKING:
    import z3

TIMEOUT_S = 1.0
"""Default limit of a question."""

_WORK_PER_SECOND = 3_000_000
"""z3's own count of its work, a second limit: the clock alone is not looked at in every step."""


def entails(premise: Formula, conclusion: Formula, timeout_s: float = TIMEOUT_S) -> bool | None:
    """Say whether a formula is true wherever another is.

    Different constants may denote the same individual here, as is usual in logic; a free variable is a constant, so that
    an answer holds for all its values.

    Args:
        premise: The formula that is assumed.
        conclusion: The formula that may follow.
        timeout_s: Upper limit in seconds, above 0.

    Returns:
        True or False where z3 decides it in time, else None: first-order logic is undecidable.

    Raises:
        MissingPackageError: z3-solver is not installed.
    """
    return _is_unsatisfiable(Binary("and", premise, Not(conclusion)), timeout_s)


def equivalent(first: Formula, second: Formula, timeout_s: float = TIMEOUT_S) -> bool | None:
    """Say whether two formulas are true in the same interpretations; names are compared by spelling.

    Args:
        first: A formula.
        second: Another.
        timeout_s: Upper limit in seconds, above 0.

    Returns:
        True or False where z3 decides it in time, else None.

    Raises:
        MissingPackageError: z3-solver is not installed.
    """
    return _is_unsatisfiable(Binary("xor", first, second), timeout_s)


def require_prover() -> None:
    """Make sure that questions can be asked, before work is done whose result needs them.

    Raises:
        MissingPackageError: z3-solver is not installed.
    """
    if package_directory("z3") is None:
        raise MissingPackageError(
            "z3-solver", "decide equivalence of formulas", "pip install 'rlsr[logic]'"
        )


def _is_unsatisfiable(formula: Formula, timeout_s: float) -> bool | None:
    require_prover()
    import z3

    # A context of its own: nothing is shared between threads, and all of it is freed.
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set(timeout=max(int(1000 * timeout_s), 1), rlimit=int(_WORK_PER_SECOND * timeout_s))
    solver.add(_Translation(context).formula(formula, {}))
    answer = solver.check()
    return None if answer == z3.unknown else bool(answer == z3.unsat)


class _Translation:
    """Builds z3's expressions over one uninterpreted sort.

    Args:
        context: Where they live.
    """

    def __init__(self, context: "z3.Context") -> None:
        import z3

        self._z3 = z3
        self._context = context
        self._individual = z3.DeclareSort("Individual", context)
        self._connect: dict[str, Callable[[Any, Any], Any]] = {
            "and": z3.And,
            "or": z3.Or,
            "xor": z3.Xor,
            "implies": z3.Implies,
            "iff": lambda left, right: left == right,
        }

    def formula(self, formula: Formula, bound: dict[str, Any]) -> Any:
        """Translate a formula; ``bound`` has the variables in scope."""
        match formula:
            case Atom(name, arguments):
                return self._apply(
                    f"predicate {name}", arguments, bound, self._z3.BoolSort(self._context)
                )
            case Equality(left, right):
                return self._term(left, bound) == self._term(right, bound)
            case Not(operand):
                return self._z3.Not(self.formula(operand, bound))
            case Binary(connective, left, right):
                return self._connect[connective](
                    self.formula(left, bound), self.formula(right, bound)
                )
            case Quantified(quantifier, name, body):
                variable = self._z3.Const(f"variable {name}", self._individual)
                inside = self.formula(body, {**bound, name: variable})
                quantify = self._z3.ForAll if quantifier == "forall" else self._z3.Exists
                return quantify([variable], inside)

    def _term(self, term: Term, bound: dict[str, Any]) -> Any:
        match term:
            case Variable(name):
                return bound[name]
            case Constant(name):
                return self._z3.Const(f"constant {name}", self._individual)
            case Application(name, arguments):
                return self._apply(f"function {name}", arguments, bound, self._individual)

    def _apply(
        self, name: str, arguments: tuple[Term, ...], bound: dict[str, Any], result: Any
    ) -> Any:
        if not arguments:
            return self._z3.Const(name, result)
        sorts = [self._individual] * len(arguments)
        function = self._z3.Function(name, *sorts, result)
        return function(*(self._term(term, bound) for term in arguments))
