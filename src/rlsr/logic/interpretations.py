"""Truth values of a formula in many finite interpretations at once.

An interpretation has a domain of named individuals, one for each constant, and some unnamed ones. Different names denote
different individuals. Predicates are random tables, one density for all predicates of an interpretation; functions are
random tables of individuals. Since the entries of a table are drawn alike and independently, which individual a name
denotes makes no difference, so the i-th constant is simply individual i.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config.logic import ModelSampling
from rlsr.errors import FormulaError
from rlsr.logic.connectives import Truths, connect
from rlsr.logic.syntax import (
    Application,
    Atom,
    Binary,
    Constant,
    Equality,
    Formula,
    Node,
    Not,
    Quantified,
    Quantifier,
    Term,
    Variable,
    children,
    symbols,
)

Elements = NDArray[np.intp]

_KEPT_TABLES = 128


@dataclass(frozen=True)
class Interpretations:
    """A sample of interpretations: each combination of domain size and density equally often, one after the other.

    Args:
        settings: Sizes, densities, how many, seed.
        constants: Names of the individuals, in the order of the elements they denote.
        extreme: Draw for every predicate of every interpretation whether it is empty, half full or full, in place of the
            common density: this tells formulas apart that are hardly ever false, or hardly ever true.
    """

    settings: ModelSampling
    constants: tuple[str, ...]
    extreme: bool = False

    @property
    def num_strata(self) -> int:
        """Combinations of domain size and density."""
        return len(self.settings.unnamed_elements) * len(self.settings.densities)

    @property
    def num(self) -> int:
        """How many interpretations there are."""
        return self.num_strata * self.settings.interpretations

    @property
    def sizes(self) -> tuple[int, ...]:
        """Domain size of each stratum."""
        named = max(len(self.constants), 1)
        pairs = product(self.settings.unnamed_elements, self.settings.densities)
        return tuple(named + unnamed for unnamed, _ in pairs)


def truth_values(formula: Formula, interpretations: Interpretations) -> Truths:
    """Evaluate a formula with real quantifiers.

    Args:
        formula: A formula all of whose constants are named in ``interpretations``.
        interpretations: Where it is evaluated.

    Returns:
        One truth value an interpretation.

    Raises:
        FormulaError: A table would need more than ``max_cells`` cells.
    """
    check_cells(formula, interpretations)
    return _truth_values(formula, interpretations)


def check_cells(formula: Formula, interpretations: Interpretations) -> None:
    """Refuse a formula that is too large to be evaluated.

    Args:
        formula: Any formula.
        interpretations: Where it would be evaluated.

    Raises:
        FormulaError: A table would need more than ``max_cells`` cells.
    """
    arities = [symbol.arity for symbol in symbols(formula)]
    width = max([*arities, _variables_in_scope(formula)])
    size = max(interpretations.sizes)
    cells = interpretations.num * size**width
    if cells > interpretations.settings.max_cells:
        raise FormulaError(
            f"{width} arguments or nested variables over {size} individuals need a table of {cells} cells, more than "
            f"{interpretations.settings.max_cells}; shorten the formula or raise max_cells"
        )


# The reference is compared with every response to its prompt.
@lru_cache(maxsize=4096)
def _truth_values(formula: Formula, interpretations: Interpretations) -> Truths:
    truths = _Evaluation(interpretations).formula(formula, ())
    return np.broadcast_to(truths, (interpretations.num,))


def _variables_in_scope(node: Node) -> int:
    """Count the variables that are in scope at the deepest place."""
    below = max(map(_variables_in_scope, children(node)), default=0)
    return below + isinstance(node, Quantified)


class _Evaluation:
    """Evaluates formulas to arrays: an axis for each variable in scope, the outermost first; interpretations come last.

    An axis has length 1 where the value does not depend on its variable.

    Args:
        interpretations: Where formulas are evaluated.
    """

    def __init__(self, interpretations: Interpretations) -> None:
        self._settings = interpretations.settings
        self._extreme = interpretations.extreme
        self._sizes = interpretations.sizes
        self._size = max(self._sizes)
        self._places = {name: place for place, name in enumerate(interpretations.constants)}
        self._exists = _domain(self._settings, self._sizes)

    def formula(self, formula: Formula, scope: tuple[str, ...]) -> Truths:
        """Evaluate a formula below the quantifiers of ``scope``."""
        match formula:
            case Atom(name, arguments):
                table = _truth_table(
                    name, len(arguments), self._settings, self._sizes, self._extreme
                )
                return self._look_up(table, arguments, scope)
            case Equality(left, right):
                return np.equal(self._term(left, scope), self._term(right, scope))
            case Not(operand):
                return ~self.formula(operand, scope)
            case Binary(connective, left, right):
                return connect(connective, self.formula(left, scope), self.formula(right, scope))
            case Quantified(quantifier, variable, body):
                return self._quantify(quantifier, self.formula(body, (*scope, variable)))

    def _quantify(self, quantifier: Quantifier, values: Truths) -> Truths:
        if values.shape[-2] == 1:
            # The body does not depend on the variable, and no domain is empty.
            return values[..., 0, :]
        if quantifier == "forall":
            everywhere: Truths = np.all(values | ~self._exists, axis=-2)
            return everywhere
        somewhere: Truths = np.any(values & self._exists, axis=-2)
        return somewhere

    def _look_up(
        self, table: Truths, arguments: tuple[Term, ...], scope: tuple[str, ...]
    ) -> Truths:
        depths = [_depth(term.name, scope) for term in arguments if isinstance(term, Variable)]
        has_functions = any(isinstance(term, Application) for term in arguments)
        if has_functions or len(set(depths)) < len(depths):
            truths: Truths = self._gather(table, arguments, scope)
            return truths
        # Constants and distinct variables need no copy: the axes only change places.
        picked = table[tuple(self._index(term) for term in arguments)]
        order = sorted(range(len(depths)), key=depths.__getitem__)
        shape = [self._size if depth in depths else 1 for depth in range(len(scope))]
        return picked.transpose(*order, len(depths)).reshape(*shape, table.shape[-1])

    def _index(self, term: Term) -> int | slice:
        return self._places[term.name] if isinstance(term, Constant) else slice(None)

    def _gather(
        self, table: NDArray[Any], arguments: tuple[Term, ...], scope: tuple[str, ...]
    ) -> NDArray[Any]:
        """Look up any terms, entry by entry."""
        elements = (self._term(term, scope) for term in arguments)
        found: NDArray[Any] = table[(*elements, np.arange(table.shape[-1]))]
        return found

    def _term(self, term: Term, scope: tuple[str, ...]) -> Elements:
        """Find the elements that a term denotes, with the axes of a truth value."""
        axes = [1] * (len(scope) + 1)
        match term:
            case Variable(name):
                axes[_depth(name, scope)] = self._size
                return np.arange(self._size).reshape(axes)
            case Constant(name):
                return np.full(axes, self._places[name])
            case Application(name, arguments):
                table = _function_table(name, len(arguments), self._settings, self._sizes)
                return self._gather(table, arguments, scope)


def _depth(variable: str, scope: tuple[str, ...]) -> int:
    """Find the quantifier that binds a variable: the innermost of its name."""
    return len(scope) - 1 - scope[::-1].index(variable)


@lru_cache(maxsize=_KEPT_TABLES)
def _domain(settings: ModelSampling, sizes: tuple[int, ...]) -> Truths:
    """Say which elements each interpretation has: (element, interpretation)."""
    columns = np.repeat(sizes, settings.interpretations)
    exists: Truths = np.arange(max(sizes))[:, None] < columns
    return exists


@lru_cache(maxsize=_KEPT_TABLES)
def _truth_table(
    name: str, arity: int, settings: ModelSampling, sizes: tuple[int, ...], extreme: bool
) -> Truths:
    """Draw the table of a predicate: an axis for each argument, interpretations last."""
    columns = len(sizes) * settings.interpretations
    shape = (max(sizes),) * arity
    rng = _generator(settings.seed, "predicate", name, arity)
    if extreme:
        thresholds = rng.choice(np.array([0, 0.5, 1], dtype=np.float32), columns)
    else:
        densities = np.tile(settings.densities, len(settings.unnamed_elements))
        thresholds = np.repeat(densities, settings.interpretations).astype(np.float32)
    return rng.random((*shape, columns), dtype=np.float32) < thresholds


@lru_cache(maxsize=_KEPT_TABLES)
def _function_table(
    name: str, arity: int, settings: ModelSampling, sizes: tuple[int, ...]
) -> Elements:
    """Draw the table of a function; its values lie in the domain of their interpretation."""
    columns = np.repeat(sizes, settings.interpretations)
    rng = _generator(settings.seed, "function", name, arity)
    return rng.integers(columns, size=(max(sizes),) * arity + (len(columns),), dtype=np.intp)


def _generator(seed: int, kind: str, name: str, arity: int) -> np.random.Generator:
    """Seed by the symbol itself, so that what else a formula has changes nothing about it."""
    key = f"{seed} {kind} {arity} {name}".encode("utf-8", errors="surrogatepass")
    digest = hashlib.blake2b(key, digest_size=16).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))
