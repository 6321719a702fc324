"""The loss of direct preference optimisation, from how much more likely the answers of a pair have become."""

from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid


@dataclass(frozen=True)
class PairLogRatios:
    """How much more likely each answer of some pairs has become since before training, as a logarithm."""

    chosen: torch.Tensor
    """(pair,): log p(better answer | prompt) by the policy minus the same by the reference policy, summed over tokens."""
    rejected: torch.Tensor
    """(pair,): the same of the worse answer."""

    @property
    def difference(self) -> torch.Tensor:
        """(pair,): how much more the policy has come to prefer the better answer."""
        return self.chosen - self.rejected


def dpo_losses(ratios: PairLogRatios, *, beta: float) -> torch.Tensor:
    """Compute the loss of each pair.

    Args:
        ratios: Of the pairs, with gradient.
        beta: Strength of the pull towards the reference policy, above 0.

    Returns:
        (pair,): -log sigmoid(beta (chosen - rejected)), above 0; log 2 where nothing has changed.

    Source:
        DPO, arXiv 2305.18290, equation 7; the same as ``loss_type="sigmoid"`` of ``trl.DPOTrainer``.
    """
    return -logsigmoid(beta * ratios.difference)


def pair_metrics(ratios: PairLogRatios, *, beta: float) -> dict[str, float]:
    """Summarise pairs by their implicit rewards, which are beta times the log-ratios.

    Args:
        ratios: Of at least one pair.
        beta: As in the loss.

    Returns:
        Means over the pairs: ``preference/accuracy``, the share whose better answer has gained more than the worse one, in
        [0, 1]; ``preference/margin``, by how much; ``preference/chosen`` and ``preference/rejected``, the rewards.
    """
    return {
        "preference/accuracy": float((ratios.difference > 0).double().mean()),
        "preference/margin": beta * float(ratios.difference.double().mean()),
        "preference/chosen": beta * float(ratios.chosen.double().mean()),
        "preference/rejected": beta * float(ratios.rejected.double().mean()),
    }
