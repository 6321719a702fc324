"""Rollouts that begin with a part of the reference: the policy goes on, and the prefix adds a supervised term to the loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from rlsr.config.method import SgrpoMethod
from rlsr.engines.trl.beginnings import Beginning, Row, begin, beginning_of
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.step import Addition, PassTokens, Share, Step
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


class Prefixes(Addition):
    """Gives each response of a group a share of the reference as its beginning.

    Args:
        method: Shares, weight and floor.
    """

    def __init__(self, method: SgrpoMethod) -> None:
        assert method.prefix_ratios is not None, "a method without prefixes has no such addition"
        self._method = method
        self._ratios = method.prefix_ratios

    def before_rollout(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Write the prefixes into the rows."""
        ratios = [self._ratios[place % len(self._ratios)] for place in range(len(rows))]
        return begin(
            rows,
            [
                Beginning(prefix_of(row[REFERENCE_COLUMN], ratio), self._ratios.index(ratio))
                for row, ratio in zip(rows, ratios, strict=True)
            ],
        )

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Learn from the prefixes of all selected responses, whether their groups have signal or not."""
        selected = torch.tensor(step.selected[step.own], device=step.given.device)
        prefixes = step.given & selected[:, None]
        lengths = [len(beginning_of(row["prompt"]).tokens) for row in step.rows]
        unguided = step.rewards[step.own][[length == 0 for length in lengths]]
        scored = unguided[~np.isnan(unguided)]
        count = host.over_processes(float(scored.size))
        total = host.over_processes(float(scored.sum()))
        term = PrefixTerm(self._method, int(host.over_processes(int(prefixes.sum()))))
        return replace(
            step,
            kept=step.kept | prefixes,
            response_terms=(*step.response_terms, term),
            metrics={**step.metrics, "reward/unguided": total / count if count else float("nan")},
            columns={**step.columns, "num_prefix_tokens": lengths},
        )


@dataclass(frozen=True)
class PrefixTerm:
    """The supervised term: the mean loss of a prefix token, times a weight."""

    method: SgrpoMethod
    """Weight and floor."""
    num_tokens: int
    """Prefix tokens of the step in all processes."""

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        """Compute the share of a pass."""
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
        if not self.num_tokens:
            return {}
        names = ("optim/prefix_nll", "optim/prefix_token_weight")
        return {name: host.over_processes(sums.get(name, 0.0)) / self.num_tokens for name in names}
