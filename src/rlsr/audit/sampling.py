"""A policy's own samples, as a rollout would draw them: the answers that the reward will have to tell apart."""

from collections.abc import Sequence

from rlsr.audit.rows import AuditRow
from rlsr.models import Policy, prompt_ids


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
        rows: The prompts.
        num_samples: Responses to each.
        max_response_tokens: Longest response.
        batch_size: Responses drawn at a time.
        seed: Of the sampling.

    Returns:
        One list a row.
    """
    import torch

    torch.manual_seed(seed)
    prompts = [prompt_ids(policy.tokenizer, row.record.messages) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: len(prompts[place]))
    responses: list[list[str]] = [[] for _ in rows]
    at_a_time = max(1, batch_size // num_samples)
    for start in range(0, len(order), at_a_time):
        places = order[start : start + at_a_time]
        batch = policy.tokenizer.pad(
            {"input_ids": [prompts[place] for place in places]}, return_tensors="pt"
        )
        with torch.no_grad():
            output = policy.model.generate(
                **batch.to(policy.model.device),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                num_return_sequences=num_samples,
                max_new_tokens=max_response_tokens,
                pad_token_id=policy.tokenizer.pad_token_id,
            )
        texts = policy.tokenizer.batch_decode(
            output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
        )
        for number, place in enumerate(places):
            responses[place] = texts[number * num_samples : (number + 1) * num_samples]
    return responses
