"""The supervised term of S-GRPO in a worker: references become rows of the mini-batch, and verl's loss gets a term on them.

verl cuts these rows into passes like any others. Their masks are 0, so that its own loss and what that is averaged over stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import NonTensorData, TensorDict
from verl.utils import tensordict_utils as tu
from verl.utils.metric import AggregationType, Metric
from verl.workers.utils.padding import no_padding_2_padding

from rlsr.config.method import SgrpoMethod
from rlsr.engines.verl.inside.columns import nested
from rlsr.engines.verl.inside.references import BEFORE, REFERENCE
from rlsr.methods.reference_loss import reference_losses

IS_REFERENCE = "is_reference"
"""Column of the mini-batch that tells the two kinds of rows apart."""


def with_references(data: TensorDict) -> TensorDict:
    """Put the references that rows carry behind these rows.

    Args:
        data: A worker's part of a mini-batch.

    Returns:
        What the engine and its loss read of it, with a row more for each reference.
    """
    carried = data[REFERENCE].unbind()
    carriers = [row for row, tokens in enumerate(carried) if len(tokens)]
    references = [carried[row] for row in carriers]
    prompts = [data["prompts"].unbind()[row] for row in carriers]
    texts = [torch.cat(pair) for pair in zip(prompts, references, strict=True)]
    zeros = [torch.zeros_like(tokens) for tokens in references]
    no_scores = [torch.zeros(len(tokens)) for tokens in references]
    added = {
        "prompts": prompts,
        "responses": references,
        "input_ids": texts,
        "position_ids": [torch.arange(len(text)) for text in texts],
        "response_mask": zeros,
        "loss_mask": zeros,
        "advantages": no_scores,
        "old_log_probs": no_scores,
        "ref_log_prob": [data[BEFORE].unbind()[row] for row in carriers]
        if BEFORE in data
        else no_scores,
    }
    num_rows = len(data)
    columns = {
        name: nested([*data[name].unbind(), *(row.to(data[name].dtype) for row in own)])
        for name, own in added.items()
        if name in data
    }
    kinds = torch.arange(num_rows + len(carriers)) >= num_rows
    whole = TensorDict({**columns, IS_REFERENCE: kinds}, batch_size=len(kinds))
    for name, one in data.items():
        if isinstance(one, NonTensorData):
            tu.assign_non_tensor_data(whole, name, one.data)
    temperature = float(data["temperature"])
    if temperature != 1:
        # References are scored by the policy as it is, as in SFT.
        whole["temperature"] = torch.full((len(kinds),), temperature).masked_fill(kinds, 1.0)
    return whole


@dataclass(frozen=True)
class LossWithReferences:
    """verl's loss of a pass, and the mean loss of a reference token, times a weight."""

    loss: Callable[..., tuple[torch.Tensor, dict[str, Any]]]
    """verl's own."""
    method: SgrpoMethod
    """Which loss a reference token has."""
    weight: float
    """Of the term in this step."""
    num_tokens: int
    """Reference tokens of the mini-batch, of all workers."""

    def __call__(
        self, model_output: Any, data: TensorDict, dp_group: Any = None
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Compute the share of a pass; verl adds these up, and averages the gradient over the workers."""
        value, metrics = self.loss(model_output=model_output, data=data, dp_group=dp_group)
        rows = data[IS_REFERENCE]
        log_probs = no_padding_2_padding(model_output["log_probs"], data)[rows]
        lengths = data["responses"].offsets().diff()[rows]
        places = torch.arange(log_probs.shape[1], device=log_probs.device)
        is_token = places < lengths[:, None]
        before = None
        if self.method.compares_labels:
            before = data["ref_log_prob"].to_padded_tensor(0.0)[rows]
        losses = (reference_losses(self.method, log_probs, before) * is_token).sum()
        share = data["dp_size"] / self.num_tokens
        sums = {"label_loss": losses, "label_nll": -(log_probs * is_token).sum()}
        for name, total in sums.items():
            metrics[name] = Metric(AggregationType.SUM, total.detach() * share)
        return value + self.weight * share * losses, metrics
