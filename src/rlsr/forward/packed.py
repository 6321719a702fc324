"""The policy's log-probabilities of groups of responses, each prompt passed once and nothing padded."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from rlsr.forward.attention import attends_by_plan, attention_by_plan
from rlsr.forward.kernels import masked_attention
from rlsr.forward.layout import PackedLayout, pack, places_in_tables
from rlsr.forward.token_scores import TokenScores, selected_log_probs


def packed_log_probs(
    model: Any,
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
    prompt_of_response: Sequence[int],
    *,
    temperature: float,
    with_entropy: bool,
) -> TokenScores:
    """Score the tokens of responses.

    A prompt and all its responses stand in one row; a response sees its prompt and itself. Linear layers, which are
    nearly all of the work, so meet every token once: no prompt is repeated for its responses and no padding passes
    through them. The numbers and gradients are those of one pass for each response.

    Args:
        model: A causal language model.
        prompts: Token ids, at least one each.
        responses: Token ids, at least one each.
        prompt_of_response: For each response the number of its prompt.
        temperature: Divides the logits, as in sampling.
        with_entropy: Whether to measure the entropy too.

    Returns:
        Log-probabilities with gradient, and entropies.

    Raises:
        UnsupportedPolicyError: The model's attention has parts that this pass does not know.
    """
    assert attends_by_plan(model) or not _runs_again(model), (
        "with gradient checkpointing the backward pass, too, must happen inside attention_by_plan"
    )
    layout = pack(prompts, responses, prompt_of_response, model.device)
    with attention_by_plan(model):
        output = model(
            input_ids=layout.tokens[None],
            position_ids=layout.positions[None],
            logits_to_keep=layout.predictors,
            use_cache=False,
            plan=PackedAttention(layout),
        )
    log_probs, entropy = selected_log_probs(
        output.logits[0], layout.targets, temperature=temperature, with_entropy=with_entropy
    )
    return TokenScores(
        _as_table(log_probs, layout), None if entropy is None else _as_table(entropy, layout)
    )


def _runs_again(model: Any) -> bool:
    """Say whether the backward pass will run layers again: with other attention it would give wrong gradients."""
    return torch.is_grad_enabled() and any(
        module.training and getattr(module, "gradient_checkpointing", False)
        for module in model.modules()
    )


def _as_table(values: torch.Tensor, layout: PackedLayout) -> torch.Tensor:
    return pad_sequence(list(values.split(layout.response_lengths)), batch_first=True)


class PackedAttention:
    """Prompts attend to themselves, responses to their prompt and themselves, all causally.

    Args:
        layout: Where the tokens lie.
    """

    def __init__(self, layout: PackedLayout) -> None:
        prompts, responses = layout.prompts, layout.responses
        self._prompts = prompts.index
        self._responses = responses.index
        self._prompt_of = layout.prompt_of_response
        self._prompt_sees = prompts.causal
        num_places = responses.index.shape[1]
        prompt_tokens = prompts.is_token[layout.prompt_of_response][:, None, :]
        own = responses.causal.expand(len(responses.index), -1, -1)
        self._response_sees = torch.cat([prompt_tokens.expand(-1, num_places, -1), own], dim=-1)
        self._places = places_in_tables(len(layout.tokens), prompts, responses)

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Compute one layer's attention.

        Args:
            layer: Number of the layer.
            query: (1, head, position, width).
            key: (1, key head, position, width).
            value: The same shape.
            scaling: Factor of the scores.

        Returns:
            (1, position, head, width).
        """
        queries, keys, values = (rows[0].transpose(0, 1) for rows in (query, key, value))
        prompt_keys, prompt_values = keys[self._prompts], values[self._prompts]
        prompts = masked_attention(
            queries[self._prompts],
            prompt_keys,
            prompt_values,
            visible=self._prompt_sees,
            scaling=scaling,
        )
        responses = masked_attention(
            queries[self._responses],
            torch.cat([prompt_keys[self._prompt_of], keys[self._responses]], dim=1),
            torch.cat([prompt_values[self._prompt_of], values[self._responses]], dim=1),
            visible=self._response_sees,
            scaling=scaling,
        )
        tables = torch.cat([prompts.flatten(0, 1), responses.flatten(0, 1)])
        return tables[self._places][None]
