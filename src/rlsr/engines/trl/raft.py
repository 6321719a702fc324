"""What the method raft has in the place of GRPO: the likelihood of the best response of each group, and of the references."""

from dataclasses import dataclass

from rlsr.config.raft import RaftMethod
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.osft import with_likelihood
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.step import Addition, Step
from rlsr.engines.trl.supervised_rows import REFERENCE_COLUMN
from rlsr.methods.best_responses import best_responses


@dataclass(frozen=True)
class BestResponses(Addition):
    """Puts the best responses into the place of references, which are read at a temperature of 1."""

    method: RaftMethod
    """Whether references are learnt beside them."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Leave nothing for GRPO. Where all rewards of a group are alike, none of its responses is better and none is learnt."""
        size = step.num_generations
        is_best = best_responses(step.rewards, size, step.group)[step.own]
        prompts = list(step.prompts)
        learnt = [
            tokens if best else [] for tokens, best in zip(step.responses, is_best, strict=True)
        ]
        if self.method.with_reference:
            prompts += step.prompts[::size]
            learnt += [row[REFERENCE_COLUMN] for row in step.rows[::size]]
        return with_likelihood(step, Responses.of(prompts, learnt), host)
