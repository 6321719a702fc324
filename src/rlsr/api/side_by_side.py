"""Several models of ``rlsr.evaluate``, as one result that shows itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.api.frames import to_frame
from rlsr.api.progress import LineObserver, Say
from rlsr.api.show import ShownTable
from rlsr.comparison.evaluate_models import AskedModels, evaluate_models, read_asked
from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.comparison.side_by_side import SideBySide
from rlsr.comparison.side_by_side_words import level_in_words, losses_in_words, wins_in_words
from rlsr.engines import SilentObserver
from rlsr.evaluation.kept import KeptEvaluation
from rlsr.evaluation.metrics import describe, labelled
from rlsr.pipeline import RunPlan
from rlsr.pipeline.evaluate import evaluate_run
from rlsr.statistics.in_words import mean_with_interval, number


@dataclass(frozen=True, repr=False)
class SideBySideResult:
    """What several models have answered to the same prompts, held against one of them."""

    found: SideBySide
    """All of it."""
    path: Path
    """Holds ``side_by_side.json`` and the directory of each model's evaluation."""

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a suite, model and metric: the ``mean`` with its interval, and the ``difference`` to the baseline with its own."""
        return [
            {
                "suite": suite,
                "model": recipe.name,
                "metric": name,
                "mean": one.mean.mean,
                "low": one.mean.low,
                "high": one.mean.high,
                "num": one.mean.num,
                "difference": one.difference and one.difference.mean,
                "difference_low": one.difference and one.difference.low,
                "difference_high": one.difference and one.difference.high,
                "verdict": one.verdict,
            }
            for suite, comparison in self.found.suites.items()
            for recipe in comparison.recipes
            for name, one in recipe.metrics.items()
        ]

    @property
    def losses(self) -> list[str]:
        """What each model does worse than the baseline beyond the interval, in words; beside a base model, what was forgotten."""
        return losses_in_words(self.found)

    def to_pandas(self) -> Any:
        """Make a pandas frame of ``metrics``.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return to_frame(self.metrics)

    @property
    def _tables(self) -> list[ShownTable]:
        tables = [_table(suite, list(suite.recipes)) for suite in self.found.suites.values()]
        wins = [line for suite in self.found.suites.values() for line in wins_in_words(suite)]
        notes = dict.fromkeys(note for suite in self.found.suites.values() for note in suite.notes)
        below = [level_in_words(self.found), *self.losses, *wins, *notes]
        return [*tables, ShownTable(f"against {self.found.baseline}", (), (), notes=below)]

    def __repr__(self) -> str:
        return f"SideBySideResult({str(self.path)!r}: {', '.join(self.found.models)})"

    def __str__(self) -> str:
        return "\n\n".join(table.text for table in self._tables)

    def _repr_html_(self) -> str:
        return "".join(table.html for table in self._tables)


def _table(suite: Comparison, recipes: Sequence[ComparedRecipe]) -> ShownTable:
    rows = [
        [labelled(metric.name, in_reward=metric.in_reward), *(_cell(metric.name, recipe) for recipe in recipes)]
        for metric in suite.metrics
    ]  # fmt: skip
    title = f"{suite.num_prompts} {suite.prompts_in_words}"
    return ShownTable(title, ("metric", *(recipe.name for recipe in recipes)), rows)


def _cell(name: str, recipe: ComparedRecipe) -> str:
    found, digits = recipe.metrics[name], describe(name).digits
    mean = number(found.mean.mean, digits)
    if found.difference is None:
        return mean
    return f"{mean} ({mean_with_interval(found.difference, digits, sign=True)})"


def evaluate_together(
    asked: AskedModels | None, path: Path, *, resume: bool, say: Say | None
) -> SideBySideResult:
    """Evaluate several models, and hold them against one.

    Args:
        asked: Which, and how; None goes on with what ``path`` was begun with.
        path: Holds a directory a model.
        resume: Go on with an interrupted evaluation.
        say: Told what happens, line by line; None for silence.

    Raises:
        RlsrError: As ``evaluate_models`` says.
    """
    asked = asked or read_asked(path)

    def evaluate_one(name: str, plan: RunPlan, directory: Path, is_begun: bool) -> KeptEvaluation:
        if say is not None:
            say(name)
        observer = SilentObserver() if say is None else LineObserver(say)
        return evaluate_run(plan, directory, asked.suites, resume=is_begun, observer=observer).kept

    return SideBySideResult(evaluate_models(asked, path, evaluate_one, resume=resume), path)
