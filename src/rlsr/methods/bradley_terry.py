"""The loss of Bradley and Terry, from the scores of the better and the worse answer of pairs."""

import torch
from torch.nn.functional import logsigmoid


def bradley_terry_losses(
    better: torch.Tensor, worse: torch.Tensor, *, centering: float = 0.0
) -> torch.Tensor:
    """Compute the loss of each pair.

    Args:
        better: (pair,): scores of the better answers.
        worse: (pair,): scores of the worse ones.
        centering: Weight of the squared sum of the two, at least 0.

    Returns:
        (pair,): -log sigmoid(better - worse) + centering (better + worse)², at least 0; log 2 where all scores are 0.

    Source:
        Bradley and Terry 1952, as trained in InstructGPT, arXiv 2203.02155, equation 1; the centering is equation 2 of
        arXiv 2312.09244, as ``center_rewards_coefficient`` of ``trl.RewardConfig``.
    """
    return -logsigmoid(better - worse) + centering * (better + worse) ** 2


def order_of_pairs(better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
    """Say which pairs are in the right order.

    Args:
        better: (pair,): scores of the better answers.
        worse: (pair,): scores of the worse ones.

    Returns:
        (pair,): 1 where the better answer scores higher, 0 where the worse one does, 0.5 where both score alike.
    """
    return (better > worse).double() + 0.5 * (better == worse).double()


def score_metrics(better: torch.Tensor, worse: torch.Tensor) -> dict[str, float]:
    """Summarise the scores of pairs.

    Args:
        better: (pair,): scores of the better answers, at least one.
        worse: (pair,): scores of the worse ones.

    Returns:
        Means over the pairs: ``preference/accuracy``, the share in the right order, in [0, 1]; ``preference/margin``, by how much;
        ``preference/chosen`` and ``preference/rejected``, the scores.
    """
    return {
        "preference/accuracy": float(order_of_pairs(better, worse).mean()),
        "preference/margin": float((better - worse).double().mean()),
        "preference/chosen": float(better.double().mean()),
        "preference/rejected": float(worse.double().mean()),
    }
