"""What a token of a reference counts that was given to the policy as the beginning of its response."""

import torch


def trust_region_weights(log_probs: torch.Tensor, floor: float) -> torch.Tensor:
    """Weigh tokens so that unlikely ones do not pull harder than by their probability over a floor.

    The gradient of SFT is grad p / p, which is largest where the policy believes least; here it is grad p / max(p, floor).

    Args:
        log_probs: Of the tokens by the policy.
        floor: Probability alpha below which the pull is limited, in (0, 1].

    Returns:
        The same shape, without gradient: the factor p / max(p, alpha) of the gradient of SFT, in [0, 1].

    Source:
        TrSFT of TRAPO, arXiv 2512.17636: "gradient weight 1/p becomes 1/max(p, alpha)", alpha 0.1. Certainty: a reader's note
        on the paper, which also says that the public code does not have it.
    """
    probabilities = log_probs.detach().exp()
    return probabilities / probabilities.clamp(min=floor)
