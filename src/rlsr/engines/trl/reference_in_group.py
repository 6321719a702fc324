"""The reference as one more response of its group: it is compared with the others and learnt from by its advantage."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from rlsr.config.method import SgrpoMethod
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.reward_function import RECORD_COLUMN, RewardFunction
from rlsr.engines.trl.step import Addition, PassTokens, Share, Step
from rlsr.methods.advantages import Floats
from rlsr.methods.reference_advantages import advantages_with_references


@dataclass(frozen=True)
class ReferencesInGroups(Addition):
    """Compares responses with the reference of their prompt, too. ``References``, before it, lets the update read them."""

    method: SgrpoMethod
    """How advantages are computed and averaged."""
    reward_function: RewardFunction
    """Scores references."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Compare anew, and count the references among the responses that the loss is averaged over."""
        records = [row[RECORD_COLUMN] for row in step.rows[:: step.num_generations]]
        rewards = host.timed("reward", lambda: self.reward_function.reference_rewards(records))
        found = advantages_with_references(
            np.where(step.selected, step.rewards, np.nan),
            rewards,
            step.num_generations,
            self.method.advantage,
        )
        own = host.own_rows(len(records))
        term = GroupTerm(found.references[own], by_tokens=self.method.loss_average == "token")
        scored = ~np.isnan(rewards[own])
        num_tokens = int(np.array(step.references.response_lengths)[scored].sum())
        mean = float(rewards[~np.isnan(rewards)].mean()) if (~np.isnan(rewards)).any() else np.nan
        return replace(
            step,
            group=found.responses,
            num_tokens=step.num_tokens + int(host.over_processes(num_tokens)),
            num_responses=step.num_responses + int(host.over_processes(int(scored.sum()))),
            reference_terms=(*step.reference_terms, term),
            metrics={
                **step.metrics,
                "reward/label": mean,
                "advantage/label": float(found.references.mean()),
            },
        )


@dataclass(frozen=True)
class GroupTerm:
    """The loss of GRPO on references: the ratio is 1, and nothing is clipped or held to the policy before training."""

    advantages: Floats
    """One a reference of this process; 0 for one that teaches nothing."""
    by_tokens: bool
    """Whether every token weighs the same, or every reference."""

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        """Compute the share of the references of a pass."""
        log_probs, is_token = tokens.log_probs, tokens.is_reference
        advantages = torch.tensor(
            self.advantages[tokens.places], dtype=torch.float32, device=log_probs.device
        )
        # Its value is 1, and its gradient that of the log-probability.
        ratios = (log_probs - log_probs.detach()).exp() * is_token
        sums = -advantages * ratios.sum(dim=1)
        if self.by_tokens:
            return Share(sums.sum() / step.tokens_per_process)
        return Share((sums / is_token.sum(dim=1)).sum() / step.responses_per_process)

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Log nothing."""
        return {}
