"""Rollouts that begin with a part of the reference: the policy goes on, and the prefix adds a supervised term to the loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from rlsr.config.method import SgrpoMethod
from rlsr.engines.trl.beginnings import Beginning
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.step import Addition, PassTokens, Row, Share, Step
from rlsr.engines.trl.supervised_rows import REFERENCE_COLUMN
from rlsr.methods.prefix_loss import trust_region_weights


def prefix_of(reference: Sequence[int], ratio: float) -> list[int]:
    """Cut a prefix off a reference.

    Args:
        reference: Its tokens.
        ratio: Share of them, in [0, 1].

    Returns:
        That many tokens, rounded; all of them for a ratio of 1 alone.
    """
    if ratio == 1:
        return list(reference)
    return list(reference[: min(round(ratio * len(reference)), len(reference) - 1)])


@dataclass(frozen=True)
class Prefixes(Addition):
    """Gives each response of a group a share of the reference as its beginning, and learns from that, too."""

    method: SgrpoMethod
    """Shares, weight and floor."""

    def begin(self, rows: Sequence[Row], beginnings: Sequence[Beginning]) -> Sequence[Beginning]:
        """Begin each response with its prefix."""
        shares = self.method.prefix_ratios
        assert shares is not None, "a method without prefixes has no such addition"
        ratios = [shares[place % len(shares)] for place in range(len(rows))]
        return [
            Beginning(prefix_of(row[REFERENCE_COLUMN], ratio), shares.index(ratio))
            for row, ratio in zip(rows, ratios, strict=True)
        ]

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Learn from the prefixes of all selected responses, whether their groups have signal or not."""
        selected = torch.tensor(step.selected[step.own], device=step.given.device)
        prefixes = step.given & selected[:, None]
        lengths = [len(beginning.tokens) for beginning in step.beginnings]
        unguided = step.rewards[step.own][np.array(lengths) == 0]
        scored = unguided[~np.isnan(unguided)]
        count = host.over_processes(float(scored.size))
        total = host.over_processes(float(scored.sum()))
        term = PrefixTerm(self.method, int(host.over_processes(int(prefixes.sum()))))
        return replace(
            step,
            kept=step.kept | prefixes,
            response_terms=(*step.response_terms, term),
            metrics={**step.metrics, "reward/unguided": total / count if count else float("nan")},
            columns={**step.columns, "num_prefix_tokens": lengths},
        )


@dataclass(frozen=True)
class PrefixTerm:
    """The mean loss of a prefix token, times a weight."""

    method: SgrpoMethod
    """Weight and floor."""
    num_tokens: int
    """Prefix tokens of the step in all processes."""

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        """Compute the share of the responses of a pass."""
        log_probs, is_prefix = tokens.log_probs, tokens.is_reference
        weights = trust_region_weights(log_probs, self.method.prefix_floor) * is_prefix
        # What the processes return is averaged.
        scale = step.num_processes / max(self.num_tokens, 1)
        return Share(
            -self.method.prefix_weight * (weights * log_probs).sum() * scale,
            {
                "optim/prefix_nll": -float((log_probs.detach() * is_prefix).sum()),
                "optim/prefix_token_weight": float(weights.sum()),
            },
        )

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Average over the prefix tokens; a step without any logs nothing."""
        names = ("optim/prefix_nll", "optim/prefix_token_weight") if self.num_tokens else ()
        return {name: host.over_processes(sums[name]) / self.num_tokens for name in names}
