"""Importance weights of references: how much more the policy likes one than it did before training."""

import torch

from rlsr.config.supervised import IwSftMethod


def iw_sft_weights(
    method: IwSftMethod, log_ratios: torch.Tensor, is_token: torch.Tensor
) -> torch.Tensor:
    """Weigh references, or their tokens, by the ratio to the policy before training.

    SFT on good examples maximises a lower bound of the expected reward of reinforcement learning on a sparse reward.
    The bound is tight at the policy that it was taken at; these weights move it along with the policy.

    Args:
        method: Level and bounds.
        log_ratios: (reference, token): log p - log p before training; 0 where there is no token.
        is_token: The same shape.

    Returns:
        The same shape. ``sequence``: min(exp(temperature x mean log-ratio of the tokens), bound), the same for all tokens
        of a reference; ``token``: the ratio itself, within its bounds.

    Source:
        iw-SFT, arXiv 2507.12856, and its released code, which takes the mean and not the sum over the tokens.
    """
    if method.level == "token":
        low, high = method.token_weights
        return log_ratios.exp().clamp(low, high)
    mean = log_ratios.sum(dim=1) / is_token.sum(dim=1).clamp(min=1)
    weights = (method.temperature * mean).exp().clamp(max=method.max_weight)
    return weights[:, None].expand_as(log_ratios)
