"""A grader as a reward: all its parts over a rollout, the formula over these, and what could not be graded."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from rlsr.config.graders.grader import Grader
from rlsr.config.graders.schema import PythonGrader, ScoreModel
from rlsr.rewards.graders.leaves import LeafGrader
from rlsr.rewards.graders.rows import Grades, Rows
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores

logger = logging.getLogger(__name__)

_MISSING = Part(
    "missing",
    "Share without what is graded",
    "Responses that lack what a template asks for.",
    is_share=True,
)
_CLIPPED = Part(
    "clipped",
    "Share clipped",
    "Responses to which a model gave a score outside of its range.",
    is_share=True,
)
_SHOWN_CHARACTERS = 200


def parts_of(grader: Grader) -> tuple[Part, ...]:
    """List what a grader says beside its score.

    Args:
        grader: The grader.

    Returns:
        The score of each of several, and the shares of what is not as it should be.
    """
    several = grader.formula is not None
    leaves = [
        Part(component_of(name), f"Grader {name}", f"{leaf.type}{_called(leaf.name, name)}.")
        for name, leaf in grader.leaves.items()
        if several
    ]
    has_templates = any(not isinstance(leaf, PythonGrader) for leaf in grader.leaves.values())
    shares = [
        *([_MISSING] if has_templates else []),
        *([_CLIPPED] if grader.has(ScoreModel) else []),
    ]
    return (*leaves, *shares)


def component_of(name: str) -> str:
    """Name the component of one of several graders."""
    return f"grader_{name}"


def _called(called: str, name: str) -> str:
    return f", called {called}" if called not in {"", name} else ""


class GraderScorer(Reward):
    """Scores a rollout by a grader.

    Args:
        grader: What was read.
        leaves: Its graders at work, by the same names.
        held: What they hold, closed with the reward.
    """

    def __init__(self, grader: Grader, leaves: Mapping[str, LeafGrader], held: ExitStack) -> None:
        assert set(grader.leaves) == set(leaves), "all of them"
        self._grader = grader
        self._leaves = leaves
        self._held = held

    @property
    def parts(self) -> tuple[Part, ...]:
        """The score of each of several graders, and the shares of what is not as it should be."""
        return parts_of(self._grader)

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses and their rows.

        Returns:
            What ``grade`` says of their items and samples.
        """
        return self.grade(Rows.of(batch))

    def grade(self, rows: Rows) -> RewardResult:
        """Grade items and samples.

        Args:
            rows: One of each a response.

        Returns:
            Scores as the grader gives them; NaN where one that the score depends on could not be graded, or where the formula has no
            value. Components: ``grader_NAME`` for each of several, ``missing`` and ``clipped`` as 0 and 1.
        """
        grades = {name: leaf.grade(rows) for name, leaf in self._leaves.items()}
        scores = self._combined({name: grade.scores for name, grade in grades.items()}, len(rows))
        self._tell(grades, scores)
        every = {
            **{component_of(name): grade.scores for name, grade in grades.items()},
            "missing": _any([grade.missing for grade in grades.values()]),
            "clipped": _any([grade.clipped for grade in grades.values()]),
        }
        return RewardResult(scores, {part.name: every[part.name] for part in self.parts})

    def close(self) -> None:
        """End processes, and close connections."""
        self._held.close()

    def _combined(self, scores: Mapping[str, Scores], count: int) -> Scores:
        formula = self._grader.formula
        if formula is None:
            return scores[""]
        values = [formula.value({name: float(each[row]) for name, each in scores.items()}) for row in range(count)]  # fmt: skip
        return np.array(values, dtype=np.float64)

    def _tell(self, grades: Mapping[str, Grades], scores: Scores) -> None:
        """Log how many responses are unscored, and why."""
        for name, grade in grades.items():
            causes = Counter(grade.causes)
            if not causes:
                continue
            # Causes may quote what a model or the code said of one response: the most frequent stands for all.
            cause, count = causes.most_common(1)[0]
            logger.warning(
                "%s could not grade %d of %d responses; the most frequent cause, of %d: %s",
                f"grader {name}" if name else "the grader", causes.total(), len(scores), count, cause[:_SHOWN_CHARACTERS],
            )  # fmt: skip
        known = all(not np.isnan(grade.scores).any() for grade in grades.values())
        num_unscored = int(np.isnan(scores).sum())
        if known and num_unscored:
            logger.warning(
                "calculate_output has no value for %d of %d responses: %s",
                num_unscored, len(scores), self._grader.calculate_output[:_SHOWN_CHARACTERS],
            )  # fmt: skip


def _any(flags: Sequence[NDArray[np.bool_]]) -> Scores:
    found: Scores = np.any(np.stack(flags), axis=0).astype(np.float64)
    return found
