"""SFT and its better losses on TRL's SFTTrainer: the same passes as the update of RLSR, other weights of the tokens.

Each override has a contract test in tests/invariant/test_supervised.py:

- ``compute_loss``: completion only, weighted by ``rlsr.methods.token_weights``, in passes without padding.

What all trainers share is in ``rlsr.engines.trl.host``.
"""

from typing import Any

import torch
from trl import SFTTrainer

from rlsr.config.run import RunConfig
from rlsr.config.supervised import ReferenceMethod
from rlsr.engines.trl.host import HostOverrides, Passes
from rlsr.engines.trl.own_predictions import own_predictions_in
from rlsr.engines.trl.padded import rollout_responses, token_mask
from rlsr.engines.trl.passes import micro_batches
from rlsr.methods.token_weights import ReferenceTokens, token_weights


class SupervisedTrainer(HostOverrides, SFTTrainer):
    """TRL's supervised trainer with a weight for every token of the reference.

    Args:
        config: The resolved config, of a supervised method.
        **kwargs: As for ``HostOverrides`` and ``trl.SFTTrainer``.
    """

    def __init__(self, *, config: RunConfig, **kwargs: Any) -> None:
        assert isinstance(config.method, ReferenceMethod), (
            "this trainer is of the supervised methods"
        )
        self._method = config.method
        super().__init__(config=config, **kwargs)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """Compute the loss of a step's references and its gradient, pass by pass.

        Args:
            model: The policy.
            inputs: Tables of ``PromptResponseCollator``.
            return_outputs: As in TRL, not supported.
            num_items_in_batch: Not used; the tokens are counted here.

        Returns:
            The mean over all tokens of weight times negative log-likelihood, without a way back to the weights.
        """
        model = self.bare(model)
        rows = rollout_responses(inputs)
        self.num_trained_tokens = sum(rows.response_lengths)
        num_tokens = self.over_processes(self.num_trained_tokens)
        # What the processes return is averaged.
        scale = self.accelerator.num_processes / num_tokens
        metrics: dict[str, float] = {"optim/nll": 0.0, "optim/mean_weight": 0.0}

        def loss_of(part: list[int]) -> torch.Tensor:
            references = rows.take(part)
            before = (
                self.log_probs_before(references) if self._method.needs_reference_policy else None
            )
            share = self._method.own_share
            with own_predictions_in(model, references, share=share, by_groups=self.by_groups):
                log_probs = self.score_pass(model, references).log_probs
            tokens = ReferenceTokens(
                log_probs=log_probs.detach(),
                before=before,
                is_token=token_mask(references.response_lengths, log_probs),
            )
            weights = token_weights(self._method, tokens) * tokens.is_token
            metrics["optim/nll"] -= float((tokens.log_probs * tokens.is_token).sum()) / num_tokens
            metrics["optim/mean_weight"] += float(weights.sum()) / num_tokens
            return -(weights * log_probs).sum() * scale

        def prepare() -> Passes:
            metrics.update(dict.fromkeys(metrics, 0.0))
            limit = self._tokens_per_pass
            return micro_batches(rows, tokens_per_pass=limit, by_groups=self.by_groups), loss_of

        total = self.backward_by_parts(model, rows, prepare)
        for name, value in metrics.items():
            self._metrics["train"][name].append(self.over_processes(value))
        return total
