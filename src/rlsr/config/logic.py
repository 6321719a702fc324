"""What counts as a formula, and how two formulas are compared."""

from typing import Self

from pydantic import Field, model_validator

from rlsr.config.base import ConfigTable


class FormulaLimits(ConfigTable):
    """What is refused as too large before any work is spent on it."""

    max_characters: int = Field(default=2000, ge=1, le=100_000)
    """Longest formula."""
    max_depth: int = Field(default=60, ge=1, le=200)
    """Deepest nesting of operators; a chain of n operators of one kind is n deep."""
    max_variables: int = Field(default=6, ge=1, le=12)
    """Variables in scope at once; the cost of a truth value grows exponentially with them."""
    max_arity: int = Field(default=6, ge=1, le=12)
    """Arguments of a predicate or function."""
    allow_free_variables: bool = True
    """True reads a name that no quantifier binds as a constant, whatever its name. False refuses the names that look like
    variables, u to z with at most one digit; years such as y1984 stay constants."""


class ModelSampling(ConfigTable):
    """Agreement of two formulas over sampled finite interpretations."""

    min_cosine: float = Field(default=0.5, ge=-1, le=1)
    """Names of one kind and arity are taken for one another from this cosine of their embeddings on."""
    unnamed_elements: tuple[int, ...] = Field(default=(1, 2, 3), min_length=1, max_length=8)
    """Domains hold the named individuals (at least one), and besides them so many elements."""
    densities: tuple[float, ...] = Field(
        default=(0.1, 0.3, 0.5, 0.7, 0.9), min_length=1, max_length=16
    )
    """Shares of the entries of a predicate's table that are true."""
    interpretations: int = Field(default=128, ge=8, le=4096)
    """Interpretations of each combination of domain size and density."""
    max_cells: int = Field(default=2**21, ge=2**12, le=2**26)
    """Largest table of truth values, in bytes; formulas that need a larger one are unscored."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the interpretations; the same pair always sees the same ones."""

    @model_validator(mode="after")
    def _sizes_and_densities_in_range(self) -> Self:
        if not all(1 <= count <= 8 for count in self.unnamed_elements):
            raise ValueError("unnamed_elements must each lie in 1 to 8")
        if not all(0 < density < 1 for density in self.densities):
            raise ValueError("densities must each lie between 0 and 1")
        return self


class LiteralEvaluation(ConfigTable):
    """The score LE of S-GRPO: agreement of truth tables over bound literals, quantifiers left out."""

    min_cosine: float | None = Field(default=None, ge=-1, le=1)
    """An assignment that pairs two literals below this cosine is discarded; null, as in the paper's logic task, never."""
    max_characters: int | None = Field(default=180, ge=1)
    """Longer formulas are unscored; null lifts the limit."""
    max_ands: int | None = Field(default=5, ge=0)
    """Formulas with more conjunctions are unscored; null lifts the limit."""
    max_ors: int | None = Field(default=5, ge=0)
    """Formulas with more disjunctions are unscored; null lifts the limit."""
    max_literals: int = Field(default=12, ge=1, le=16)
    """Distinct literals of a pair; a truth table has two to the power of them rows. Pairs with more are unscored."""
