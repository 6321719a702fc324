"""References that the policy reads as it would have written them itself, in part."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.passes import packed_rows, padded_logits, padded_rows
from rlsr.forward.layout import pack
from rlsr.forward.packed import packed_greedy_tokens


@contextmanager
def own_predictions_in(
    model: Any, rows: Responses, *, share: float, by_groups: bool
) -> Iterator[None]:
    """Mix the embeddings of response tokens with those of what the policy would have written in their places.

    Args:
        model: A causal language model; it is asked once for its predictions.
        rows: What the one pass inside is about.
        share: Of the prediction, in [0, 1]; 0 leaves the pass as it is.
        by_groups: The way of the pass.

    Yields:
        Nothing; the pass inside reads the mixed embeddings.

    Source:
        The temporal residual connection of IFT, arXiv 2405.11870: s_i = (1 - lambda) s*_i + lambda pi(s*_(i-1)), as in the released
        code (TsinghuaC3I/Intuitive-Fine-Tuning, src/trainers.py): embeddings are mixed, predictions are greedy, and what the
        policy predicts is read off the reference itself. Certainty: read in the code. Deviation: the embeddings are the
        policy's, with gradient, where the code keeps a frozen copy of those before training, which the trained model
        does not have.
    """
    if share == 0:
        yield
        return
    predicted = replace(rows, responses=greedy_tokens(model, rows, by_groups=by_groups))
    if by_groups:
        ids = pack(*packed_rows(predicted), model.device).tokens[None]
    else:
        ids, _ = padded_rows(predicted, model.device)

    def mix(module: Any, inputs: tuple[Any, ...], embedded: torch.Tensor) -> torch.Tensor:
        assert inputs[0].shape == ids.shape, "one pass, over the rows that were asked about"
        # Not a call, which would come back here. Where both are one token, as in prompts, it stays as it is to the bit.
        return torch.lerp(embedded, module.forward(ids), share)

    handle = model.get_input_embeddings().register_forward_hook(mix)
    try:
        yield
    finally:
        handle.remove()


def greedy_tokens(model: Any, rows: Responses, *, by_groups: bool) -> list[list[int]]:
    """Say what the policy would have written in the place of each token of responses, in one pass without gradient."""
    if by_groups:
        return packed_greedy_tokens(model, *packed_rows(rows))
    with torch.no_grad():
        logits, _, _ = padded_logits(model, rows)
    return [tokens.tolist() for tokens in logits.argmax(dim=-1).split(rows.response_lengths)]
