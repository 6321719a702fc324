"""Weights that ask whether the policy would go on from a token as the reference does."""

import torch

from rlsr.config.supervised import PearMethod


def pear_weights(
    method: PearMethod, log_ratios: torch.Tensor, is_token: torch.Tensor
) -> torch.Tensor:
    """Weigh tokens by the ratio of what follows them.

    Reinforcement learning after SFT walks on from a token by the policy's own choices. A token whose continuation in the
    reference the policy finds unlikely is of little use to it, so that it counts less.

    With d the clipped log-ratio of a token (to the policy before training), the logarithm of a weight is

    - ``suffix``: (T - t) log(discount) + sum of d over the tokens behind t, T being the last one;
    - ``block``: (B - b) log(discount) + sum of d over the tokens of the blocks behind block b, B being the last block;
    - ``sequence``: sum of d over all tokens;

    within its bounds.

    Args:
        method: Level, discount and bounds.
        log_ratios: (reference, token): log p - log p before training; 0 where there is no token.
        is_token: The same shape, true from the left.

    Returns:
        The same shape; of no meaning where there is no token.

    Source:
        PEAR, arXiv 2602.01058. The formulas of ``suffix`` and ``sequence`` are from public descriptions, no code was released;
        what a block shares is our reading. The paper divides by the policy that wrote the data, which for references of
        people is not known: the policy before training stands in its place.
    """
    ratios = log_ratios.clamp(*method.log_ratio) * is_token
    if method.level == "sequence":
        return ratios.sum(dim=1, keepdim=True).clamp(*method.log_weight).exp().expand_as(ratios)
    size = 1 if method.level == "suffix" else method.block_size
    num_tokens = is_token.sum(dim=1, keepdim=True)
    places = torch.arange(ratios.shape[1], device=ratios.device)[None]
    last_of_block = (places // size + 1) * size
    # Sums from the left, with 0 in front; what follows a block is all but what stands up to its end.
    sums = torch.nn.functional.pad(ratios.cumsum(dim=1), (1, 0))
    up_to_block = sums.gather(1, last_of_block.clamp(max=ratios.shape[1]).expand_as(ratios))
    behind = sums[:, -1:] - up_to_block
    blocks_behind = ((num_tokens + size - 1) // size - 1 - places // size).clamp(min=0)
    log_weights = blocks_behind * torch.log(torch.tensor(method.discount)) + behind
    return log_weights.clamp(*method.log_weight).exp()
