"""The weights of IFT: the losses of the tokens before it take from what a token counts."""

import torch

from rlsr.config.supervised import IftMethod


def ift_weights(method: IftMethod, log_probs: torch.Tensor, is_token: torch.Tensor) -> torch.Tensor:
    """Weigh each token so that value and gradient are those of IFT, whose own weights have a gradient, too.

    IFT's loss of a reference is sum_t u_t(n) n_t, with n the losses of its tokens and u the weights of
    ``relation_weights``. It is homogeneous of degree 1 in n, so that with its derivatives by n as constant weights
    it has the same value (Euler) and the same gradient.

    Args:
        method: The discount.
        log_probs: (reference, token) by the policy.
        is_token: Whether there is a token.

    Returns:
        (reference, token): the derivative of the loss of its reference by the loss of each token; may be below 0 where what a
        token takes from those behind it is more than what it counts itself.

    Source:
        IFT, arXiv 2405.11870, dynamic relation propagation, in the released code (TsinghuaC3I/Intuitive-Fine-Tuning,
        src/trainers.py, ``get_cumsum_weight``), which does not stop the gradient of the weights. Certainty: read in the code.
    """
    losses = (-log_probs.detach() * is_token).double().requires_grad_()
    with torch.enable_grad():
        total = (relation_weights(losses, is_token, method.discount) * losses).sum()
    (weights,) = torch.autograd.grad(total, losses)
    return weights.to(log_probs.dtype)


def relation_weights(losses: torch.Tensor, is_token: torch.Tensor, discount: float) -> torch.Tensor:
    """Let a token count the less, the more its reference has lost up to it.

    Args:
        losses: (reference, token): negative log-likelihoods, at least 0; 0 where there is no token.
        is_token: Whether there is a token.
        discount: Factor of a loss for every token in between, in [0, 1]; 0 lets all tokens count the same.

    Returns:
        (reference, token): 1 / (c_t + min c) with c_t = n_t / length + discount * c_(t-1), scaled to a mean of 1 over the tokens of
        a reference; the smallest c is that above 0. 0 where there is no token.

    Source:
        As for ``ift_weights``; deviation: the smallest c is that of the reference, where the code takes that of the batch, so
        that the cut into passes changes nothing.
    """
    if discount == 0:
        return is_token.to(losses.dtype)
    lengths = is_token.sum(dim=1, keepdim=True)
    places = torch.arange(losses.shape[1], dtype=losses.dtype, device=losses.device)
    decay = (discount ** (places[:, None] - places[None]).clamp(min=0)).tril()
    sums = (losses / lengths) @ decay.T
    smallest = sums.where(is_token & (sums > 0), torch.inf).amin(dim=1, keepdim=True)
    # A reference that is certain from end to end has no loss to share out.
    smallest = smallest.where(smallest.isfinite(), 1.0)
    weights = is_token / (sums + smallest)
    return weights * lengths / weights.sum(dim=1, keepdim=True)
