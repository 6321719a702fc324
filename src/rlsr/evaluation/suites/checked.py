"""What suites return is checked before it is counted."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from rlsr.errors import EvaluationError, RlsrError
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.metrics.checked import WAY_OUT, counted_scores
from rlsr.evaluation.suites.suite import AskingSuite, Scored, Suite
from rlsr.evaluation.suites.table import is_built_in
from rlsr.rewards.protocol import Scores

T = TypeVar("T")

CheckedScores = tuple[dict[str, Scores], dict[str, tuple[str | None, ...]]]
"""One number a prompt by metric, and one text a prompt by name."""


def score_answers(
    name: str, suite: Suite, responses: Sequence[str], ended: Sequence[bool | None]
) -> CheckedScores:
    """Let a suite score answers.

    Args:
        name: Of the suite.
        suite: The suite.
        responses: One a prompt.
        ended: Whether each ended by itself; None where that is not known.

    Raises:
        EvaluationError: A suite of an installed package fails, or returns something else.
    """
    found = _called(name, lambda: suite.score(responses, ended))
    return _checked(name, found, len(responses))


def ask_policy(name: str, suite: AskingSuite, asker: Asker) -> tuple[list[str], CheckedScores]:
    """Let a suite ask a policy.

    Args:
        name: Of the suite.
        suite: The suite.
        asker: The policy.

    Returns:
        What is kept as the response to each prompt, and the scores.

    Raises:
        EvaluationError: A suite of an installed package fails, or returns something else.
    """
    responses, found = _called(name, lambda: suite.ask(asker))
    number = len(suite.records)
    if len(responses) != number:
        raise EvaluationError(
            f"suite {name!r} must return one response a prompt, got {len(responses)} for {number} prompts; {WAY_OUT}"
        )
    return list(responses), _checked(name, found, number)


def _called(name: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except RlsrError:
        raise
    except Exception as error:
        if is_built_in(name):
            raise
        raise EvaluationError(
            f"suite {name!r} cannot score: {type(error).__name__}: {error}; {WAY_OUT}"
        ) from error


def _checked(name: str, found: object, number: int) -> CheckedScores:
    who = f"suite {name!r}"
    if not isinstance(found, Scored):
        raise EvaluationError(
            f"{who} must return rlsr.evaluation.suites.Scored, got {type(found).__name__}; {WAY_OUT}"
        )
    for texts in found.texts:
        if len(found.texts[texts]) != number:
            raise EvaluationError(
                f"{who}: its texts {texts!r} must be one a response, got {len(found.texts[texts])} for {number} responses; "
                f"{WAY_OUT}"
            )
    return (
        {
            metric: counted_scores(values, number, f"{who}: metric {metric!r}")
            for metric, values in found.scores.items()
        },
        {texts: tuple(values) for texts, values in found.texts.items()},
    )
