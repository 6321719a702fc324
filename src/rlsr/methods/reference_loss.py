"""What a token of the reference adds to the loss of GRPO: four readings of the supervised term of S-GRPO.

S-GRPO calls the reference of a prompt its label. The term is the mean of these losses over the reference tokens of a step, times
a weight.
With d = log p - log q, p the policy and q the policy before training, each loss is one function. The paper's own formula could not
be read: whether it clips a ratio or a log-ratio is open, so that both are here, beside the plain loss of SFT.
"""

import math
from collections.abc import Callable

import torch

from rlsr.config.method import SgrpoMethod


def nll_losses(log_probs: torch.Tensor) -> torch.Tensor:
    """Let every token of the reference count the same, for ever.

    Args:
        log_probs: By the policy, with gradient.

    Returns:
        The same shape: -log p, at least 0. The gradient is that of SFT.

    Source:
        The term of S-GRPO (arXiv 2512.14100) without its clip, since q is a constant. Certainty: our reading; the paper's
        formula was not seen.
    """
    return -log_probs


def ratio_clip_losses(log_ratios: torch.Tensor, clip: float) -> torch.Tensor:
    """Pull at a token while its ratio to the policy before training lies within bounds.

    Args:
        log_ratios: d, with gradient.
        clip: Half-width eps of the bounds, in (0, 1).

    Returns:
        The same shape: -clip(exp(d), 1 - eps, 1 + eps). At d = 0 the gradient is that of SFT; it is 0 above 1 + eps, and
        below 1 - eps, too, where tokens have become less likely.

    Source:
        S-GRPO (arXiv 2512.14100): the clip of the released code has bounds that are those of a ratio. Certainty: our
        reading of the intent; neither paper nor code has this form.
    """
    # Clipped as a logarithm: the exponential of a large one would make the gradient 0 times infinity.
    return -log_ratios.clamp(math.log1p(-clip), math.log1p(clip)).exp()


def one_sided_clip_losses(log_ratios: torch.Tensor, clip: float) -> torch.Tensor:
    """Pull at a token until its ratio to the policy before training has reached a bound.

    Args:
        log_ratios: d, with gradient.
        clip: The bound is 1 + eps.

    Returns:
        The same shape: -min(exp(d), 1 + eps). At d = 0 the gradient is that of SFT, below it exp(d) times that, and 0
        above the bound.

    Source:
        The clip of PPO (arXiv 1707.06347, equation 7) with an advantage of 1, in the place of that of S-GRPO. Certainty:
        ours; neither paper nor code of S-GRPO has this form.
    """
    return -log_ratios.clamp(max=math.log1p(clip)).exp()


def released_losses(log_ratios: torch.Tensor, clip: float) -> torch.Tensor:
    """Clip the log-ratio itself with the bounds of a ratio.

    Args:
        log_ratios: d, with gradient.
        clip: Half-width eps of the bounds, in (0, 1).

    Returns:
        The same shape: -clip(d, 1 - eps, 1 + eps). At d = 0, where training starts, the gradient is 0; it is that of SFT
        only while p / q lies between exp(1 - eps) and exp(1 + eps), which with eps 0.2 is from 2.23 to 3.32.

    Source:
        The released code of S-GRPO (ChunjinJiang/sgrpo, commit ea98503ac7d2, utils/sgrpo_trainer.py, ``_compute_loss``).
        Certainty: read in the code.
    """
    return -log_ratios.clamp(1 - clip, 1 + clip)


RATIO_LOSSES: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "ratio_clip": ratio_clip_losses,
    "one_sided_clip": one_sided_clip_losses,
    "as_released": released_losses,
}
"""The losses that compare with the policy before training, by the name of the setting."""


def reference_losses(
    method: SgrpoMethod, log_probs: torch.Tensor, before: torch.Tensor | None
) -> torch.Tensor:
    """Compute the loss of each token of references.

    Args:
        method: Which loss, with its clip.
        log_probs: (reference, token) by the policy, with gradient.
        before: The same by the policy before training, without gradient; not used by ``nll``.

    Returns:
        (reference, token), of no meaning where there is no token.
    """
    if method.label_loss == "nll":
        return nll_losses(log_probs)
    assert before is not None, "the method's config says that it needs the policy before training"
    return RATIO_LOSSES[method.label_loss](log_probs - before, method.label_clip)
