"""Which settings decide how a policy is measured, so that answers and scores of two runs can stand side by side."""

from typing import Any

from rlsr.config import RunConfig
from rlsr.config.differences import differing_keys


def questions(config: RunConfig) -> dict[str, Any]:
    """Pick what decides which prompts a policy answers, and how; not what scores the answers.

    Args:
        config: A resolved config.

    Returns:
        Settings as in the config.
    """
    table = config.model_dump(include={"data", "evaluation", "device"})
    del table["evaluation"]["independent_embedding"]
    lengths = config.method.model_dump(include={"max_prompt_tokens", "max_response_tokens"})
    return {**table, "method": lengths}


def measured_alike(one: RunConfig, other: RunConfig) -> bool:
    """Say whether two runs put the same questions to their policies and score the answers in the same way.

    Args:
        one: The resolved config of a run.
        other: That of another.

    Returns:
        True if an answer of the same policy would be the same with the same scores; whether the data has changed is not
        looked at.
    """
    return not differing_keys(_measurement(one), _measurement(other))


def _measurement(config: RunConfig) -> dict[str, Any]:
    scorers = config.model_dump(include={"embedding", "reward"})
    independent = config.evaluation.independent_embedding
    return {
        **questions(config), **scorers, "independent": independent, "dtype": config.model.dtype,
    }  # fmt: skip
