"""Preference optimisation on TRL's DPOTrainer: both answers of a pair in one pass behind their prompt.

Each override has a contract test in tests/invariant/test_dpo.py:

- ``_prepare_dataset``: the pairs are encoded by us, as rollouts and evaluation encode prompts;
- ``compute_loss``: the loss of ``rlsr.methods.dpo`` over passes that keep pairs together.

What all trainers share is in ``rlsr.engines.trl.host``.
"""

import sys
from functools import partial
from typing import Any

import torch
from trl import DPOTrainer

from rlsr.config.preference import DpoMethod
from rlsr.config.run import RunConfig
from rlsr.engines.trl.host import HostOverrides, Passes
from rlsr.engines.trl.padded import Responses, rollout_responses
from rlsr.engines.trl.reference_policy import reference_policy
from rlsr.forward.micro_batches import grouped_micro_batches, padded_micro_batches
from rlsr.methods.dpo import PairLogRatios, dpo_losses, pair_metrics


class PreferenceTrainer(HostOverrides, DPOTrainer):
    """TRL's preference trainer with our passes.

    Args:
        config: The resolved config, of a preference method.
        **kwargs: As for ``HostOverrides`` and ``trl.DPOTrainer``; the collator is a ``PairCollator``.
    """

    def __init__(self, *, config: RunConfig, **kwargs: Any) -> None:
        assert isinstance(config.method, DpoMethod), "this trainer is of the preference methods"
        self._method = config.method
        super().__init__(config=config, **kwargs)

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """Compute the loss of a step's pairs and its gradient, pass by pass.

        Args:
            model: The policy.
            inputs: Tables of ``PairCollator``.
            return_outputs: As in TRL, not supported.
            num_items_in_batch: Not used; the pairs are counted here.

        Returns:
            The mean over the pairs, without a way back to the weights.
        """
        model = self.bare(model)
        rows = rollout_responses(inputs)
        self.num_trained_tokens = sum(rows.response_lengths)
        num_pairs = len(rows.responses) // 2
        before = now = torch.zeros(len(rows.responses), device=inputs["completion_ids"].device)

        def prepare() -> Passes:
            nonlocal before, now
            limit = self._tokens_per_pass
            parts = pair_passes(rows, tokens_per_pass=limit, by_groups=self.by_groups)
            before = self.timed("reference", lambda: self._log_probs_before(rows, parts))
            now = torch.zeros_like(before)
            return parts, loss_of

        def loss_of(part: list[int]) -> torch.Tensor:
            answers = _answers_of(part, num_pairs)
            log_probs = self._log_probs(model, rows.take(answers))
            now[answers] = log_probs.detach()
            chosen, rejected = (log_probs - before[answers]).chunk(2)
            losses = dpo_losses(PairLogRatios(chosen, rejected), beta=self._method.beta)
            return losses.sum() / num_pairs

        total = self.backward_by_parts(model, rows, prepare)
        ratios = PairLogRatios(*(now - before).chunk(2))
        for name, value in pair_metrics(ratios, beta=self._method.beta).items():
            # Every process has as many pairs.
            self._metrics["train"][name].append(self.mean_over_processes(value))
        return total

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def _log_probs_before(self, rows: Responses, parts: list[list[int]]) -> torch.Tensor:
        """(answer,) by the policy before training, in the passes of the policy, so that both are rounded alike."""
        found = torch.zeros(len(rows.responses), device=self.accelerator.device)
        policy = self.accelerator.unwrap_model(self.model)
        with reference_policy(policy, self.ref_model) as reference:
            for part in parts:
                answers = _answers_of(part, len(rows.responses) // 2)
                found[answers] = self._log_probs(reference, rows.take(answers))
        return found

    def _log_probs(self, model: Any, rows: Responses) -> torch.Tensor:
        """(answer,): the sum over its tokens, all answers in one pass."""
        score = partial(self.score_pass, model)
        return self.score_in_passes(rows, score, tokens_per_pass=sys.maxsize).sum(dim=1)


def pair_passes(rows: Responses, *, tokens_per_pass: int, by_groups: bool) -> list[list[int]]:
    """Split pairs into passes, the two answers of a pair always in the same one.

    The gradient of a pair's loss by one answer depends on the probability of the other.

    Args:
        rows: The better answers of all pairs, then the worse ones in the same order.
        tokens_per_pass: Tokens of a pass; a single pair may have more.
        by_groups: Whether a prompt stands once for both answers.

    Returns:
        Numbers of the pairs of each pass.
    """
    num_pairs = len(rows.responses) // 2
    prompts = rows.prompt_lengths[:num_pairs]
    lengths = list(
        zip(rows.response_lengths[:num_pairs], rows.response_lengths[num_pairs:], strict=True)
    )
    if by_groups:
        return grouped_micro_batches(
            range(num_pairs),
            prompts,
            [sum(pair) for pair in lengths],
            tokens_per_pass=tokens_per_pass,
        )
    longest = [max(pair) for pair in lengths]
    return padded_micro_batches(prompts, longest, tokens_per_pass=tokens_per_pass // 2)


def _answers_of(pairs: list[int], num_pairs: int) -> list[int]:
    """List the better answers of some pairs, then the worse ones."""
    return [*pairs, *(pair + num_pairs for pair in pairs)]
