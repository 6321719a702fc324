"""Pass@k of any suite whose answers are right or wrong: more answers are drawn to each prompt, and the right ones counted."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.config import RunConfig
from rlsr.config.suites import SuiteConfig
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation.asker import Answer, Asker
from rlsr.evaluation.suites.asked import settings_of_suite
from rlsr.evaluation.suites.suite import AskingSuite, Scored, Suite
from rlsr.statistics.pass_at_k import pass_at_k


def with_draws(name: str, suite: Suite, config: RunConfig) -> Suite:
    """Let a suite measure pass@k, too, where its settings ask for it.

    Args:
        name: Its name.
        suite: The suite.
        config: The config of a run: ``evaluation.suites.NAME``.

    Raises:
        ConfigError: Its answers are not right or wrong, or it asks in its own way.
    """
    settings = settings_of_suite(config, name)
    if settings.num_draws is None:
        return suite
    if isinstance(suite, AskingSuite) or suite.right_metric is None:
        raise ConfigError(
            f"evaluation.suites.{name}.num_draws: pass@k counts right answers that are drawn, and this suite has none that are "
            "right or wrong; leave it out"
        )
    first = suite.answers_in_words or config.evaluation.answers_in_words
    return DrawnSuite(suite, suite.right_metric, settings, first)


class DrawnSuite(AskingSuite):
    """Asks a suite's prompts once as it is evaluated otherwise, and then by draws.

    Args:
        suite: The suite.
        right: Its metric that is 1 for a right answer and 0 for a wrong one.
        settings: How many answers are drawn, at which temperature, and the k of pass@k.
        first: How the first answers come about, in words.
    """

    def __init__(self, suite: Suite, right: str, settings: SuiteConfig, first: str) -> None:
        assert settings.num_draws is not None
        self._suite = suite
        self._right = right
        self._num_draws = settings.num_draws
        self._passes = settings.passes
        self._temperature = settings.draw_temperature
        self._first = first

    @property
    def records(self) -> Sequence[PromptRecord]:
        """Those of the suite."""
        return self._suite.records

    @property
    def answers_in_words(self) -> str:
        """Say how the first answers and those that are drawn come about."""
        return (
            f"{self._first}, pass@k of {self._num_draws} more at temperature {self._temperature:g}"
        )

    def ask(self, asker: Asker) -> tuple[Sequence[str], Scored]:
        """Ask every prompt once, and then for the answers that are drawn.

        Args:
            asker: The policy.

        Returns:
            The first answers, with the suite's scores of them and ``pass@k`` of the drawn ones; a drawn answer that is unscored
            is not counted as drawn.
        """
        answers = self._answers(asker, None, 0)
        found = self._scored(answers)
        # Before hours of draws are lost.
        self._rights(found)
        right = np.array(
            [
                self._rights(self._scored(self._answers(asker, self._temperature, place)))
                for place in range(self._num_draws)
            ]
        )
        scored, passed = (~np.isnan(right)).sum(axis=0), np.nansum(right, axis=0)
        counts = [(int(number), int(count)) for number, count in zip(scored, passed, strict=True)]
        passes = {f"pass@{k}": [pass_at_k(*count, k) for count in counts] for k in self._passes}
        texts = {"drawn": [f"{count} of {number} right" for number, count in counts]}
        return (
            [answer.text for answer in answers],
            Scored({**found.scores, **passes}, {**found.texts, **texts}),
        )

    def _answers(self, asker: Asker, temperature: float | None, draw: int) -> list[Answer]:
        limit = self._suite.max_response_tokens or asker.config.method.max_response_tokens
        assert limit is not None, "resolved by the plan"
        before = 0 if temperature is None else draw + 1
        return asker.answer(
            self.records,
            max_response_tokens=limit,
            temperature=temperature,
            draw=draw,
            on_progress=self._of_all(asker.on_progress, before),
        )

    def _of_all(
        self, on_progress: Callable[[int, int], None] | None, before: int
    ) -> Callable[[int, int], None] | None:
        """Count answers among those to all draws."""
        number = len(self.records)
        if on_progress is None:
            return None
        return lambda done, _: on_progress(before * number + done, (self._num_draws + 1) * number)

    def _scored(self, answers: Sequence[Answer]) -> Scored:
        return self._suite.score([one.text for one in answers], [one.ended for one in answers])

    def _rights(self, found: Scored) -> NDArray[np.float64]:
        """Take which answers are right: 1, 0, or NaN for what is unscored."""
        right = np.array(found.scores[self._right], dtype=np.float64)
        other = right[~np.isnan(right) & (right != 0) & (right != 1)]
        if other.size:
            raise EvaluationError(
                f"pass@k: {self._right} must be 1 for a right answer and 0 for a wrong one, got {other[0]:g}; mend the suite"
            )
        return right

    def is_trained_on(self, name: str) -> bool:
        """Say whether training aims at a metric; at pass@k where it aims at right answers."""
        return self._suite.is_trained_on(self._right if name.startswith("pass@") else name)

    def close(self) -> None:
        """Let go of the suite."""
        self._suite.close()
