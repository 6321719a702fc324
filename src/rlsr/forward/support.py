"""Whether a policy may take the passes over groups: tried on it, not looked up in a list of names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch

from rlsr.forward.attention import UnsupportedPolicyError
from rlsr.forward.generation import generate_groups
from rlsr.forward.packed import packed_log_probs
from rlsr.forward.sampling import GREEDY

TOLERANCE = 0.01
"""Largest difference of a log-probability, and of the logit of a greedy token, in nats, both passes in float32.

On SmolLM2-135M with random tokens the passes differ by 2e-5, at worst by 7e-4; where a response sees another one by
mistake, by 0.5 on average. In bfloat16 the former alone reaches 1.4, so the comparison is always made in float32."""

_PROMPT_LENGTHS = (5, 3)
_RESPONSE_LENGTHS = (3, 4, 2, 3)
_PROMPT_OF_RESPONSE = (0, 0, 1, 1)
_NUM_GREEDY_TOKENS = 3
_ATTENTION_DROPOUT = (
    "attention_dropout",
    "attn_pdrop",
    "attn_dropout",
    "attention_probs_dropout_prob",
)


def check_support(model: Any) -> str | None:
    """Try whether packed log-probabilities and grouped generation give what plain passes give.

    Two prompts of unlike length with two responses each are scored, and answered greedily, both ways. No random number
    is drawn and nothing is left changed; a policy of lower precision is computed in float32 for the while, which
    takes four bytes a weight.

    Args:
        model: A causal language model, with or without adapters.

    Returns:
        None where both ways agree, else one sentence with the reason.
    """
    reason = _reason(model)
    if reason is None:
        return None
    return f"{_class_name(model)}: {reason}, so rollouts and updates take the plain way"


def _class_name(model: Any) -> str:
    return type(model.get_base_model() if hasattr(model, "get_base_model") else model).__name__


def _reason(model: Any) -> str | None:
    config = model.config.get_text_config()
    # It is off in the trial, and would be on in an update.
    if any(getattr(config, name, None) for name in _ATTENTION_DROPOUT):
        return "its attention has dropout"
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), _in_float32(model):
            return _difference(model, config.vocab_size)
    except UnsupportedPolicyError as error:
        return str(error)
    except (AttributeError, IndexError, TypeError, ValueError, RuntimeError) as error:
        # Models of other authors may not know the arguments that the grouped passes hand over.
        return f"its forward pass ended with {type(error).__name__} ({error})"
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _in_float32(model: Any) -> Iterator[None]:
    """Let a model compute in float32 and put back the very tensors that it had."""
    tensors = chain(model.parameters(), model.buffers())
    kept = [
        (tensor, tensor.data)
        for tensor in tensors
        if tensor.dtype in {torch.bfloat16, torch.float16}
    ]
    try:
        for tensor, data in kept:
            tensor.data = data.float()
        yield
    finally:
        for tensor, data in kept:
            tensor.data = data


def _difference(model: Any, vocabulary: int) -> str | None:
    pieces = _pieces((*_PROMPT_LENGTHS, *_RESPONSE_LENGTHS), vocabulary)
    prompts, responses = pieces[: len(_PROMPT_LENGTHS)], pieces[len(_PROMPT_LENGTHS) :]
    # Written so that NaN is a difference, too.
    if not _packed_error(model, prompts, responses) <= TOLERANCE:
        return "its packed log-probabilities differ from those of one pass for each response"
    if not _greedy_error(model, prompts) <= TOLERANCE:
        return "its greedy responses differ from those of one pass for each token"
    return None


def _pieces(lengths: Sequence[int], vocabulary: int) -> list[list[int]]:
    """Choose tokens from all over the vocabulary, so that no two pieces are alike."""
    tokens = [
        (3 + number * vocabulary // (sum(lengths) + 1)) % vocabulary
        for number in range(sum(lengths))
    ]
    # Neighbours in a piece stand far apart in the vocabulary.
    tokens = tokens[::2] + tokens[1::2]
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    return [tokens[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _packed_error(
    model: Any, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]]
) -> float:
    packed = packed_log_probs(
        model, prompts, responses, _PROMPT_OF_RESPONSE, temperature=1.0, with_entropy=False
    ).log_probs
    errors = []
    for row, response in enumerate(responses):
        logits = _plain_logits(model, prompts[_PROMPT_OF_RESPONSE[row]], response)
        targets = torch.tensor(response, device=logits.device)
        plain = torch.log_softmax(logits, dim=-1).gather(1, targets[:, None]).squeeze(1)
        errors.append((packed[row, : len(response)] - plain).abs().max())
    return float(torch.stack(errors).max())


def _greedy_error(model: Any, prompts: Sequence[Sequence[int]]) -> float:
    """Measure by how much another token was likelier than the one that was taken."""
    groups = generate_groups(
        model,
        prompts,
        num_generations=2,
        max_response_tokens=_NUM_GREEDY_TOKENS,
        stop_ids=(),
        sampling=GREEDY,
    )
    errors = []
    for prompt, group in zip(prompts, groups, strict=True):
        for response in group:
            logits = _plain_logits(model, prompt, response)
            taken = logits.gather(1, torch.tensor(response, device=logits.device)[:, None])
            errors.append((logits.max(dim=-1, keepdim=True).values - taken).max())
    return float(torch.stack(errors).max())


def _plain_logits(model: Any, prompt: Sequence[int], response: Sequence[int]) -> torch.Tensor:
    """(token, vocabulary): what predicts each token of a response that stands alone behind its prompt."""
    ids = torch.tensor([[*prompt, *response]], device=model.device)
    logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0].float()
    return logits[len(prompt) - 1 : -1]
