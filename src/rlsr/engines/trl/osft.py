"""What the method osft has in the place of GRPO: the likelihood of all responses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.step import Addition, PassTokens, Share, Step


class OwnResponses(Addition):
    """Puts the responses into the place of references, which are read at a temperature of 1."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Leave nothing for GRPO, and read every response as SFT reads a reference."""
        return with_likelihood(step, Responses.of(step.prompts, step.responses), host)


def with_likelihood(step: Step, learnt: Responses, host: HostOverrides) -> Step:
    """Let a step learn some texts as SFT learns references, and nothing by GRPO; empty texts are not learnt."""
    nothing = np.zeros(len(step.rewards))
    num_tokens = host.over_processes(sum(learnt.response_lengths))
    return replace(
        step,
        group=replace(step.group, advantages=nothing, learnable=nothing.astype(bool)),
        references=learnt,
        reference_terms=(LikelihoodTerm(max(num_tokens, 1) / step.num_processes),),
    )


@dataclass(frozen=True)
class LikelihoodTerm:
    """The mean negative log-likelihood of a token."""

    num_tokens: float
    """Response tokens of the step: those of all processes, over their number."""

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        """Compute the share of the responses of a pass."""
        nll = -(tokens.log_probs * tokens.is_reference).sum()
        return Share(nll / self.num_tokens, {"optim/nll": float(nll.detach())})

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Average over the tokens."""
        return {"optim/nll": host.mean_over_processes(sums["optim/nll"] / self.num_tokens)}
