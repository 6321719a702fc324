"""What decides how a policy is measured, so that numbers of two runs may stand side by side."""

from typing import Any

from rlsr.config.differences import differing_keys
from rlsr.config.run import RunConfig

_ALONG_THE_WAY = {"during", "during_prompts", "keep_responses"}
"""Says when a policy is measured, on which of the prompts and what is kept of it, and not how."""


def measurement(config: RunConfig) -> dict[str, Any]:
    """Pick what decides on which prompts and how a policy answers; what scores the answers is looked at metric by metric.

    Args:
        config: The config of a run.
    """
    return {
        "data": config.data.model_dump(),
        "evaluation": config.evaluation.model_dump(
            exclude={"independent_embedding", *_ALONG_THE_WAY}
        ),
        "method": {
            **config.method.model_dump(include={"max_prompt_tokens", "max_response_tokens"}),
            "makes": config.method.makes,
        },
        "device": config.device,
        "threads": config.threads,
    }


def measured_alike(one: RunConfig, other: RunConfig) -> bool:
    """Say whether two runs put the same questions to their policies and score the answers in the same way.

    Args:
        one: The resolved config of a run.
        other: That of another.

    Returns:
        True if an answer of the same policy would be the same with the same scores; whether the data has changed is not
        looked at.
    """
    return not differing_keys(_with_scores(one), _with_scores(other))


def _with_scores(config: RunConfig) -> dict[str, Any]:
    scorers = config.model_dump(include={"embedding", "reward"})
    evaluation = config.evaluation.model_dump(exclude=_ALONG_THE_WAY)
    return {
        **measurement(config),
        **scorers,
        "evaluation": evaluation,
        "dtype": config.model.dtype,
    }
