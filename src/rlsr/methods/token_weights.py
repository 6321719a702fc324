"""What a token of the reference counts: the whole difference between SFT and the losses that follow it.

The loss of all of them is the mean over the tokens of a batch of ``-stop_gradient(weight) * log p``. A method is one
function from log-probabilities to weights; it gets its config, so that the next one is a function and a table entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rlsr.config.methods import methods_that_learn_from
from rlsr.config.supervised import SupervisedMethod
from rlsr.methods.ift import ift_weights
from rlsr.methods.iw_sft import iw_sft_weights
from rlsr.methods.pear import pear_weights
from rlsr.plugins import plugin_part


@dataclass(frozen=True)
class ReferenceTokens:
    """What is known about the tokens of references; tables of (reference, token), padded on the right."""

    log_probs: torch.Tensor
    """Log-probabilities by the policy, without gradient; 0 where there is no token."""
    before: torch.Tensor | None
    """The same by the policy before training; None for methods that do not compare with it."""
    is_token: torch.Tensor
    """Whether there is a token."""

    @property
    def log_ratios(self) -> torch.Tensor:
        """How much more likely each token has become, as a logarithm; 0 where there is no token."""
        assert self.before is not None, (
            "the method's config says that it needs the policy before training"
        )
        return (self.log_probs - self.before) * self.is_token


def sft_weights(_: Any, tokens: ReferenceTokens) -> torch.Tensor:
    """Let every token count the same.

    Args:
        tokens: The references.

    Returns:
        (reference, token): 1.
    """
    return torch.ones_like(tokens.log_probs)


def dft_weights(_: Any, tokens: ReferenceTokens) -> torch.Tensor:
    """Let a token count as much as the policy believes in it.

    The gradient of SFT is that of a policy gradient with the weight 1/p, which is largest where the policy disagrees
    most; p takes that away.

    Args:
        tokens: The references.

    Returns:
        (reference, token): p, in (0, 1].

    Source:
        DFT, arXiv 2508.05629; the same as ``loss_type="dft"`` of ``trl.SFTTrainer``.
    """
    return tokens.log_probs.exp()


Weights = Callable[[Any, ReferenceTokens], torch.Tensor]
"""From the method, with its settings, and the references to (reference, token): weights, of no meaning where there is no token."""

WEIGHTS: Mapping[str, Weights] = {
    "sft": sft_weights,
    "dft": dft_weights,
    "iw_sft": lambda method, tokens: iw_sft_weights(method, tokens.log_ratios, tokens.is_token),
    "pear": lambda method, tokens: pear_weights(method, tokens.log_ratios, tokens.is_token),
    "ift": lambda method, tokens: ift_weights(method, tokens.log_probs, tokens.is_token),
}
"""The weights of each supervised method by its type."""

assert set(WEIGHTS) == methods_that_learn_from("references"), (
    "every method that learns from the references has its weights, and the other way round"
)


def weights_of(method: SupervisedMethod) -> Weights:
    """Find the weights of a supervised method.

    Args:
        method: Ours, or that of an installed package.

    Raises:
        ConfigError: The package adds none.
    """
    if method.type in WEIGHTS:
        return WEIGHTS[method.type]
    wanted = (
        "the function from the method and rlsr.methods.token_weights.ReferenceTokens to weights"
    )
    weights: Weights = plugin_part("rlsr.methods", method.type, "weights", wanted, callable)
    return weights


def token_weights(method: SupervisedMethod, tokens: ReferenceTokens) -> torch.Tensor:
    """Weigh the tokens of references.

    Args:
        method: Which method, with its settings.
        tokens: The references.

    Returns:
        (reference, token): weights without gradient; of no meaning where there is no token.
    """
    return weights_of(method)(method, tokens).detach()
