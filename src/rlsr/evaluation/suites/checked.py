"""What suites return is checked before it is counted."""

from collections.abc import Sequence

from rlsr.errors import EvaluationError, RlsrError
from rlsr.evaluation.metrics.checked import WAY_OUT, counted_scores
from rlsr.evaluation.suites.suite import Scored, Suite
from rlsr.evaluation.suites.table import BUILT_IN
from rlsr.rewards.protocol import Scores


def score_answers(
    name: str, suite: Suite, responses: Sequence[str], ended: Sequence[bool | None]
) -> tuple[dict[str, Scores], dict[str, tuple[str | None, ...]]]:
    """Let a suite score answers.

    Args:
        name: Of the suite.
        suite: The suite.
        responses: One a prompt.
        ended: Whether each ended by itself; None where that is not known.

    Returns:
        One number a prompt by metric, and one text a prompt by name.

    Raises:
        EvaluationError: A suite of an installed package fails, or returns something else.
    """
    who = f"suite {name!r}"
    try:
        found = suite.score(responses, ended)
    except RlsrError:
        raise
    except Exception as error:
        if name in BUILT_IN:
            raise
        raise EvaluationError(
            f"{who} cannot score: {type(error).__name__}: {error}; {WAY_OUT}"
        ) from error
    if not isinstance(found, Scored):
        raise EvaluationError(
            f"{who} must return rlsr.evaluation.suites.Scored, got {type(found).__name__}; {WAY_OUT}"
        )
    number = len(responses)
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
