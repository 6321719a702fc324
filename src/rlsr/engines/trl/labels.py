"""The labels of a step: their tokens, and what they add to the loss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from datasets import Dataset

from rlsr.config.method import SgrpoMethod
from rlsr.data.record import PromptRecord
from rlsr.engines.trl.padded import Responses, token_mask
from rlsr.engines.trl.references import response_ids
from rlsr.methods.advantages import Floats
from rlsr.methods.label_loss import label_losses

LABEL_COLUMN = "label_ids"
"""Dataset column with the tokens of a row's label. Labels belong to rows: two rows may ask the same."""

LABEL_TEMPERATURE = 1.0
"""Labels are scored by the policy as it is, whatever the temperature of the rollouts, as in SFT."""


def with_labels(
    dataset: Dataset, records: Sequence[PromptRecord], tokenizer: Any, *, max_response_tokens: int
) -> Dataset:
    """Put the labels beside the prompts that TRL reads.

    Args:
        dataset: One row a record.
        records: The training prompts with their references.
        tokenizer: The policy's.
        max_response_tokens: Longest label, its end of sequence included; a longer one is cut, and then teaches no end.

    Returns:
        The rows with one more column.
    """
    labels = [
        response_ids(tokenizer, record.reference, max_response_tokens=max_response_tokens)
        for record in records
    ]
    return dataset.add_column(LABEL_COLUMN, labels)


@dataclass(frozen=True)
class GroupShare:
    """What labels are in the loss of GRPO where they are responses of their groups."""

    advantages: Floats
    """One a label; 0 for one that teaches nothing."""
    num_tokens: float
    """Tokens that the loss of GRPO is averaged over, those of the labels included; of all processes, over their number."""
    num_responses: float
    """Responses that it is averaged over, the labels included; of all processes, over their number."""


@dataclass
class LabelTerm:
    """The labels of a step and their part of its loss, which is a sum over passes."""

    method: SgrpoMethod
    """Its settings."""
    rows: Responses
    """The tokens of the labels, one for each group, behind the prompts of the groups."""
    before: torch.Tensor | None = None
    """(label, token): log-probabilities by the policy before training, where the loss compares with it."""
    num_tokens: float = 0
    """Label tokens that the loss is averaged over: those of all processes, over their number."""
    in_group: GroupShare | None = None
    """Where the labels are responses of their groups."""
    weight: float = 0.0
    """Of the supervised term in this step."""
    _sums: dict[str, float] = field(default_factory=dict)

    def start(self, weight: float) -> None:
        """Begin to add up a step.

        Args:
            weight: Of the supervised term.
        """
        self.weight = weight
        self._sums = {"optim/label_loss": 0.0, "optim/label_nll": 0.0}

    def loss(self, places: Sequence[int], log_probs: torch.Tensor) -> torch.Tensor:
        """Compute what some labels add to the loss of the step.

        Args:
            places: Their places among the labels.
            log_probs: (label, token) by the policy, with gradient; it may have more columns than tokens.

        Returns:
            The share of these labels in the weighted mean over all label tokens, and in the loss of GRPO where they are
            responses of their groups.
        """
        lengths = [self.rows.response_lengths[place] for place in places]
        log_probs = log_probs[:, : max(lengths)]
        before = None if self.before is None else self.before[list(places), : max(lengths)]
        is_token = token_mask(lengths, log_probs)
        losses = (label_losses(self.method, log_probs, before) * is_token).sum()
        self._sums["optim/label_loss"] += float(losses.detach())
        self._sums["optim/label_nll"] -= float((log_probs.detach() * is_token).sum())
        total: torch.Tensor = self.weight * losses / self.num_tokens
        if self.in_group is not None:
            total = total + self._loss_in_group(self.in_group, places, log_probs * is_token)
        return total

    def metrics(self) -> dict[str, float]:
        """Summarise the step.

        Returns:
            Means over the label tokens, whose mean over the processes is that of the step, and the weight; nothing where there
            are no labels.
        """
        if not self.num_tokens:
            return {}
        means = {name: value / self.num_tokens for name, value in self._sums.items()}
        return {**means, "optim/label_weight": self.weight}

    def _loss_in_group(
        self, share: GroupShare, places: Sequence[int], log_probs: torch.Tensor
    ) -> torch.Tensor:
        """Weigh labels by their advantages: the ratio is 1, and nothing is clipped or held to the policy before training."""
        lengths = [self.rows.response_lengths[place] for place in places]
        device = log_probs.device
        advantages = torch.tensor(
            share.advantages[list(places)], dtype=torch.float32, device=device
        )
        is_token = token_mask(lengths, log_probs)
        # Its value is 1, and its gradient that of the log-probability.
        ratios = (log_probs - log_probs.detach()).exp() * is_token
        sums = -advantages * ratios.sum(dim=1)
        if self.method.loss_average == "token":
            return sums.sum() / share.num_tokens
        return (sums / torch.tensor(lengths, device=device)).sum() / share.num_responses
