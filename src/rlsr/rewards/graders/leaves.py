"""One grader at work: it fills in its templates for a whole rollout, and grades what has them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlsr.config.graders.grader import templates_of
from rlsr.config.graders.schema import LabelModel, Leaf, PythonGrader, ScoreModel
from rlsr.config.graders.template import parse_template
from rlsr.remote import ChatClient
from rlsr.rewards.graders.models import reader, request
from rlsr.rewards.graders.rows import Grades, Rows
from rlsr.rewards.graders.texts import Compare
from rlsr.rewards.protocol import Scores
from rlsr.sandbox import Outcome, Worker


class LeafGrader(ABC):
    """A grader that is no multigrader."""

    @abstractmethod
    def grade(self, rows: Rows) -> Grades:
        """Grade a whole rollout.

        Args:
            rows: Its items and samples.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of processes."""


class _Templated(LeafGrader):
    """A grader with templates: responses that lack what these ask for never reach it."""

    def __init__(self, leaf: Leaf, missing: Literal["lowest", "unscored"]) -> None:
        self._templates = [parse_template(text) for _, text in templates_of(leaf)]
        least = leaf.range[0] if isinstance(leaf, ScoreModel) else 0.0
        self._of_missing = least if missing == "lowest" else math.nan

    def grade(self, rows: Rows) -> Grades:
        rendered = rows.render(self._templates)
        missing = np.array([texts is None for texts in rendered], dtype=np.bool_)
        scores = np.full(len(rows), self._of_missing)
        clipped = np.zeros(len(rows), dtype=np.bool_)
        causes: Sequence[str] = ()
        if not missing.all():
            whole = [texts for texts in rendered if texts is not None]
            scores[~missing], clipped[~missing], causes = self._grade(whole)
        return Grades(scores, missing, clipped, causes)

    @abstractmethod
    def _grade(self, rendered: Sequence[list[str]]) -> tuple[Scores, NDArray[np.bool_], list[str]]:
        """Grade texts: scores, which were clipped, and why others are NaN."""


class TextGrader(_Templated):
    """Compares two texts.

    Args:
        leaf: Its table.
        missing: What a response gets that lacks what the templates ask for.
        compare: The comparison.
    """

    def __init__(self, leaf: Leaf, missing: Literal["lowest", "unscored"], compare: Compare) -> None:  # fmt: skip
        super().__init__(leaf, missing)
        self._compare = compare

    def _grade(self, rendered: Sequence[list[str]]) -> tuple[Scores, NDArray[np.bool_], list[str]]:
        inputs, references = [[texts[place] for texts in rendered] for place in (0, 1)]
        scores = self._compare(inputs, references)
        causes = ["the encoder gave no direction"] * int(np.isnan(scores).sum())
        return scores, np.zeros(len(rendered), dtype=np.bool_), causes


class ModelGrader(_Templated):
    """Asks a model about each response.

    Args:
        leaf: Its table.
        missing: What a response gets that lacks what the templates ask for.
        client: The server, which others may share.
        model: The model's name on it.
    """

    def __init__(
        self,
        leaf: ScoreModel | LabelModel,
        missing: Literal["lowest", "unscored"],
        client: ChatClient,
        model: str,
    ) -> None:
        super().__init__(leaf, missing)
        self._leaf, self._client, self._model = leaf, client, model
        self._read: Callable[[str], tuple[float, bool]] = reader(leaf)

    def _grade(self, rendered: Sequence[list[str]]) -> tuple[Scores, NDArray[np.bool_], list[str]]:
        answers = self._client.ask([request(self._leaf, texts, self._model) for texts in rendered])
        scores = np.full(len(rendered), math.nan)
        clipped = np.zeros(len(rendered), dtype=np.bool_)
        causes = []
        for row, answer in enumerate(answers):
            if answer.text is None:
                causes.append(answer.cause)
                continue
            try:
                scores[row], clipped[row] = self._read(answer.text)
            except ValueError as error:
                causes.append(str(error))
        return scores, clipped, causes


class PythonCode(LeafGrader):
    """Calls ``grade(sample, item)`` in the sandbox.

    Args:
        leaf: Its table.
        worker: Has the function.
    """

    def __init__(self, leaf: PythonGrader, worker: Worker) -> None:
        self._name = leaf.name
        self._worker = worker

    def grade(self, rows: Rows) -> Grades:
        """Call it for each response, one after the other."""
        outcomes = self._worker.call(list(zip(rows.samples, rows.items, strict=True)))
        found = [_score(outcome) for outcome in outcomes]
        scores = np.array([score for score, _ in found], dtype=np.float64)
        none = np.zeros(len(rows), dtype=np.bool_)
        return Grades(scores, none, none, [cause for _, cause in found if cause])

    def close(self) -> None:
        """End its process."""
        self._worker.close()


def _score(outcome: Outcome) -> tuple[float, str]:
    if outcome.value is None:
        return math.nan, outcome.cause
    if not math.isfinite(outcome.value):
        return math.nan, f"returned {outcome.value}"
    return outcome.value, ""
