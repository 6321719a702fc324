"""A policy's own samples are drawn as in a rollout: they are what the reward will have to tell apart."""

from collections.abc import Sequence

from rlsr.auditing.rows import AuditRow
from rlsr.models import Policy
from rlsr.models.generate import generate_responses


def sample_responses(
    policy: Policy,
    rows: Sequence[AuditRow],
    *,
    num_samples: int,
    max_response_tokens: int,
    batch_size: int,
    seed: int,
) -> list[list[str]]:
    """Sample several responses to each prompt at temperature 1.

    Args:
        policy: The policy.
        rows: The rows whose prompts are answered.
        num_samples: The number of responses to each prompt.
        max_response_tokens: The length at which a response is cut, in tokens.
        batch_size: The number of responses that are drawn at a time.
        seed: The seed of the sampling.

    Returns:
        A list of responses for each row.
    """
    import torch

    torch.manual_seed(seed)
    groups = generate_responses(
        policy,
        [row.record.messages for row in rows],
        num_generations=num_samples,
        max_response_tokens=max_response_tokens,
        batch_size=batch_size,
        temperature=1.0,
    )
    return [[response.text for response in group] for group in groups]
