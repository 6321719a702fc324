"""What the method rank has in the place of GRPO: a margin between the responses to a prompt in the order of their rewards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from rlsr.config.rank import RankMethod
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.reference_term import References
from rlsr.engines.trl.step import Addition, PassTokens, Share, Step
from rlsr.methods.ranking import Ranking, rank


def rank_additions(method: RankMethod) -> list[Addition]:
    """The references as in SFT, and the ranking of the responses."""
    return [References(method.in_terms_of_sgrpo), RankedResponses(method)]


@dataclass(frozen=True)
class RankedResponses(Addition):
    """Ranks responses and leaves those out of the update whose scores have their margins."""

    method: RankMethod
    """Weight, margin, and how a score is made."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Ask the policy for its scores of all responses, since those of a group may stand in several passes."""
        responses = Responses.of(step.prompts, step.responses)
        log_probs = host.log_probs_now(responses, temperature=self.method.temperature)
        lengths = responses.response_lengths
        scores = length_normalised(log_probs, lengths, self.method.length_penalty)
        found = rank(
            # What an option of TRL's masks has no tokens.
            np.where(np.array(lengths) > 0, step.rewards[step.own], np.nan),
            scores.double().cpu().numpy(),
            step.num_generations,
            margin=self.method.margin,
        )
        num_pairs = int(host.over_processes(found.num_pairs))
        learnable = np.zeros(len(step.rewards), dtype=bool)
        learnable[step.own] = found.is_violated
        means = {"rank/loss": float(found.losses.sum()), "rank/accuracy": float(found.num_ordered)}
        return replace(
            step,
            group=replace(step.group, advantages=np.zeros(len(step.rewards)), learnable=learnable),
            response_terms=(*step.response_terms, RankTerm(self.method, found, num_pairs)),
            metrics={
                **step.metrics,
                **{
                    name: host.over_processes(total) / num_pairs if num_pairs else float("nan")
                    for name, total in means.items()
                },
            },
            columns={**step.columns, "score": scores.tolist(), "rank_slope": found.slopes.tolist()},
        )


@dataclass(frozen=True)
class RankTerm:
    """The mean loss of a pair, times a weight."""

    method: RankMethod
    """Weight, and how a score is made."""
    ranking: Ranking
    """Of the responses of this process."""
    num_pairs: int
    """Pairs of the step in all processes."""

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        """Compute the share of the responses of a pass: the value is that of the ranking, the gradient that of the scores."""
        log_probs, places = tokens.log_probs, tokens.places
        lengths = [len(step.responses[place]) for place in places]
        scores = length_normalised(log_probs, lengths, self.method.length_penalty)
        slopes, losses = (
            torch.tensor(values[places], dtype=torch.float32, device=log_probs.device)
            for values in (self.ranking.slopes, self.ranking.losses)
        )
        # What the processes return is averaged.
        scale = self.method.rank_weight * step.num_processes / max(self.num_pairs, 1)
        return Share((losses + slopes * (scores - scores.detach())).sum() * scale)

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Log nothing: the rollout has said it."""
        return {}


def length_normalised(
    log_probs: torch.Tensor, lengths: Sequence[int], penalty: float
) -> torch.Tensor:
    """Add up the log-probabilities of responses, (response, token), over their numbers of tokens to a power."""
    tokens = torch.tensor(lengths, dtype=torch.float32, device=log_probs.device).clamp(min=1)
    return log_probs.sum(dim=1) / tokens**penalty
