"""Causal attention over small tables, the way that is fastest on each device."""

import torch
from torch.nn.functional import scaled_dot_product_attention

LARGEST_TABLE = 2**23
"""Attention weights that are kept for the backward pass of one layer; above it PyTorch's kernel recomputes them."""


def masked_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    visible: torch.Tensor,
    scaling: float,
) -> torch.Tensor:
    """Attend within pieces.

    Heads that share a key are folded into the query's places, so that no key is copied. On a CPU two batched products
    and a softmax take a sixth of the time of PyTorch's kernel, forward and backward together (docs/log.md), as long as
    the table of weights is small. In bfloat16 the scores are rounded before the softmax, as in transformers' eager
    attention; the softmax itself is computed in float32.

    Args:
        query: (piece, place, head, width).
        key: (piece, key place, key head, width); the heads are a multiple of the key heads.
        value: The same shape.
        visible: (piece or 1, place, key place): who may look at whom; each place sees at least one.
        scaling: Factor of the scores.

    Returns:
        (piece, place, head, width).
    """
    num_weights = query.shape[0] * query.shape[1] * query.shape[2] * key.shape[1]
    if query.device.type != "cpu" or num_weights > LARGEST_TABLE:
        repeats = query.shape[2] // key.shape[2]
        # Repeated for the heads that share them: PyTorch's own sharing takes no mask on a GPU, and is slow on a CPU.
        keys, values = (table.repeat_interleave(repeats, dim=2) for table in (key, value))
        return scaled_dot_product_attention(
            query.transpose(1, 2),
            keys.transpose(1, 2),
            values.transpose(1, 2),
            attn_mask=visible[:, None],
            scale=scaling,
        ).transpose(1, 2)
    folded = fold_heads(query * scaling, key.shape[2])
    scores = torch.matmul(folded, key.permute(0, 2, 3, 1))
    bias = torch.zeros(visible.shape, dtype=query.dtype).masked_fill_(~visible, float("-inf"))
    num_places, repeats = query.shape[1], query.shape[2] // key.shape[2]
    scores = scores.unflatten(2, (repeats, num_places)) + bias[:, None, None]
    weights = torch.softmax(scores, dim=-1).flatten(2, 3)
    return unfold_heads(torch.matmul(weights, value.transpose(1, 2)), num_places)


def fold_heads(query: torch.Tensor, num_key_heads: int) -> torch.Tensor:
    """Put the heads that share a key side by side.

    Args:
        query: (piece, place, head, width).
        num_key_heads: Heads of the keys.

    Returns:
        (piece, key head, repeat x place, width).
    """
    apart = query.unflatten(2, (num_key_heads, -1))
    return apart.permute(0, 2, 3, 1, 4).flatten(2, 3)


def unfold_heads(output: torch.Tensor, num_places: int) -> torch.Tensor:
    """Undo ``fold_heads``.

    Args:
        output: (piece, key head, repeat x place, width).
        num_places: Places of a piece.

    Returns:
        (piece, place, head, width).
    """
    apart = output.unflatten(2, (-1, num_places))
    return apart.permute(0, 3, 1, 2, 4).flatten(2, 3)
