"""The supervised term of S-GRPO: the references of a step, read behind their prompts, beside the responses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from rlsr.config.method import SgrpoMethod
from rlsr.engines.schedule import rate_factor
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.step import Addition, PassTokens, Share, Step
from rlsr.engines.trl.supervised_rows import REFERENCE_COLUMN
from rlsr.methods.reference_loss import reference_losses


@dataclass(frozen=True)
class References(Addition):
    """Lets the update read the reference of every prompt, and learn from it."""

    method: SgrpoMethod
    """Weight, schedule and loss."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Put the references behind the responses. References belong to rows: two rows may ask the same."""
        one_a_group = step.rows[:: step.num_generations]
        references = Responses.of(
            step.prompts[:: step.num_generations], [row[REFERENCE_COLUMN] for row in one_a_group]
        )
        num_tokens = host.over_processes(sum(references.response_lengths))
        share = rate_factor(
            int(host.state.global_step),
            warmup_steps=0,
            num_steps=int(host.args.max_steps),
            schedule=self.method.label_schedule,
        )
        term = ReferenceTerm(
            self.method,
            weight=self.method.initial_label_weight * share,
            before=host.log_probs_before(references) if self.method.compares_labels else None,
            num_tokens=num_tokens / step.num_processes,
        )
        return replace(step, references=references, reference_terms=(*step.reference_terms, term))


@dataclass(frozen=True)
class ReferenceTerm:
    """The mean loss of a reference token, times a weight."""

    method: SgrpoMethod
    """Which loss."""
    weight: float
    """Of the term in this step."""
    before: torch.Tensor | None
    """(reference, token): log-probabilities by the policy before training, where the loss compares with it."""
    num_tokens: float
    """Reference tokens of the step: those of all processes, over their number."""

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        """Compute the share of the references of a pass."""
        log_probs, is_token = tokens.log_probs, tokens.is_reference
        before = self.before
        if before is not None:
            before = before[tokens.places, : log_probs.shape[1]]
        losses = (reference_losses(self.method, log_probs, before) * is_token).sum()
        return Share(
            self.weight * losses / self.num_tokens,
            {
                "optim/label_loss": float(losses.detach()),
                "optim/label_nll": -float((log_probs.detach() * is_token).sum()),
            },
        )

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Average over the reference tokens, and log the weight."""
        names = ("optim/label_loss", "optim/label_nll")
        means = {name: sums[name] / self.num_tokens for name in names}
        return {
            **{name: host.mean_over_processes(mean) for name, mean in means.items()},
            "optim/label_weight": self.weight,
        }
