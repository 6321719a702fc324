"""The policy's log-probabilities of groups of responses, each prompt passed once and nothing padded."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from rlsr.forward.attention import attends_by_plan, attention_by_plan
from rlsr.forward.kernels import masked_attention
from rlsr.forward.layout import PackedLayout, pack
from rlsr.forward.tables import PaddedTables, tables_of_like_length
from rlsr.forward.token_scores import TokenScores, selected_log_probs

TABLE_COST = {"cpu": 2**14, "cuda": 2**22}
"""Pairs of query and key that attention computes in the time that a further table of responses takes."""


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
    layout = pack(prompts, responses, prompt_of_response, model.device)
    log_probs, entropy = selected_log_probs(
        _logits(model, layout),
        layout.targets,
        temperature=temperature,
        with_entropy=with_entropy,
    )
    return TokenScores(
        _as_table(log_probs, layout), None if entropy is None else _as_table(entropy, layout)
    )


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
def packed_greedy_tokens(
    model: Any,
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
    prompt_of_response: Sequence[int],
) -> list[list[int]]:
    """Say what the policy would have written in the place of each token of responses, given what stands before it.

    Args:
        model: A causal language model.
        prompts: As for ``packed_log_probs``.
        responses: As there.
        prompt_of_response: As there.

    Returns:
        The likeliest token for each token of each response.
    """
    layout = pack(prompts, responses, prompt_of_response, model.device)
    chosen = _logits(model, layout).argmax(dim=-1)
    return [tokens.tolist() for tokens in chosen.split(layout.response_lengths)]


def _logits(model: Any, layout: PackedLayout) -> torch.Tensor:
    """(target, vocabulary): logits of every response token, response by response."""
    assert attends_by_plan(model) or not _runs_again(model), (
        "with gradient checkpointing the backward pass, too, must happen inside attention_by_plan"
    )
    with attention_by_plan(model):
        output = model(
            input_ids=layout.tokens[None],
            position_ids=layout.positions[None],
            logits_to_keep=layout.predictors,
            use_cache=False,
            plan=PackedAttention(layout),
        )
    # Not ``logits[0]``, whose gradient would be written into a table of zeros.
    logits: torch.Tensor = output.logits.flatten(0, 1)
    return logits


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
        prompts, device = layout.prompts, layout.tokens.device
        lengths = layout.responses.lengths.tolist()
        cost = TABLE_COST.get(device.type, max(TABLE_COST.values()))
        parts = tables_of_like_length(lengths, prompts.index.shape[1], cost)
        tables = [layout.responses.take(part) for part in parts]
        self._tables = PaddedTables(len(layout.tokens), prompts, *tables)
        self._prompt_sees = prompts.causal
        self._prompt_of = [
            layout.prompt_of_response[torch.tensor(part, device=device)] for part in parts
        ]
        self._response_sees = []
        for prompt_of, table in zip(self._prompt_of, tables, strict=True):
            prompt_tokens = prompts.is_token[prompt_of][:, None, :]
            own = table.causal.expand(len(prompt_of), -1, -1)
            sees = [prompt_tokens.expand(-1, own.shape[1], -1), own]
            self._response_sees.append(torch.cat(sees, dim=-1))

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
        (prompt_queries, *queries), (prompt_keys, *keys), (prompt_values, *values) = (
            self._tables.spread(rows[0].transpose(0, 1)) for rows in (query, key, value)
        )
        outputs = [
            masked_attention(
                prompt_queries,
                prompt_keys,
                prompt_values,
                visible=self._prompt_sees,
                scaling=scaling,
            )
        ]
        for number, (prompt_of, sees) in enumerate(
            zip(self._prompt_of, self._response_sees, strict=True)
        ):
            seen_keys, seen_values = (
                torch.cat([of_prompts.index_select(0, prompt_of), own[number]], dim=1)
                for of_prompts, own in ((prompt_keys, keys), (prompt_values, values))
            )
            outputs.append(
                masked_attention(
                    queries[number], seen_keys, seen_values, visible=sees, scaling=scaling
                )
            )
        return self._tables.collect(outputs)[None]
