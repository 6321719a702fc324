"""The references of a step on their way to the workers: the first response to each prompt carries them, as columns of its row.

As rows of their own they would be responses to verl, which counts, balances, scores and logs those. The engine of a worker makes rows
of them, for the update alone (supervised_term.py).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import transfer_queue as tq
from tensordict import TensorDict
from verl.utils import tensordict_utils as tu

from rlsr.config.method import SgrpoMethod
from rlsr.engines.verl.inside.columns import nested, put
from rlsr.engines.verl.prompts import record_of
from rlsr.models import response_ids

REFERENCE = "reference_ids"
"""Column with the tokens of the reference; of no tokens in rows that carry none."""

BEFORE = "reference_log_probs"
"""Column with their log-probabilities by the policy before training, where the loss compares with it."""

WEIGHT = "label_weight"
"""What verl hands on beside the columns: the weight of the supervised term in this step."""


def carry_references(
    batch: Any,
    carriers: Sequence[int],
    method: SgrpoMethod,
    *,
    tokenizer: Any,
    ask_before: Callable[[TensorDict], Any],
    num_workers: int,
) -> int:
    """Write the references of a step into the batch of its responses.

    Args:
        batch: verl's, with the whole step.
        carriers: A row of each prompt.
        method: Length and loss.
        tokenizer: The policy's.
        ask_before: Lets the workers score rows by the policy before training.
        num_workers: Among whom rows are divided.

    Returns:
        Tokens of the references.
    """
    data = tq.kv_batch_get(
        keys=[batch.keys[row] for row in carriers],
        partition_id=batch.partition_id,
        select_fields=["prompts", "extra_info"],
    )
    assert method.max_response_tokens is not None, "resolved before"
    references = [
        torch.tensor(
            response_ids(
                tokenizer,
                record_of(info["record"]).reference,
                max_response_tokens=method.max_response_tokens,
            )
        )
        for info in data.pop("extra_info").tolist()
    ]
    columns = {REFERENCE: _of_carriers(references, carriers, len(batch))}
    if method.compares_labels:
        prompts = data["prompts"].unbind()
        before = _log_probs_before(prompts, references, ask_before, num_workers)
        columns[BEFORE] = _of_carriers(before, carriers, len(batch))
    # The workers are sent the columns that the batch names.
    batch.fields = put(batch, columns).fields
    return sum(map(len, references))


def _of_carriers(
    values: Sequence[torch.Tensor], carriers: Sequence[int], num_rows: int
) -> torch.Tensor:
    rows = [values[0][:0]] * num_rows
    for row, own in zip(carriers, values, strict=True):
        rows[row] = own
    return nested(rows)


def _log_probs_before(
    prompts: Sequence[torch.Tensor],
    references: Sequence[torch.Tensor],
    ask: Callable[[TensorDict], Any],
    num_workers: int,
) -> list[torch.Tensor]:
    """Let the policy before training score references behind their prompts, at a temperature of 1."""
    texts = [torch.cat(pair) for pair in zip(prompts, references, strict=True)]
    # Workers get equal numbers of rows.
    whole = [*texts, *texts[:1] * (-len(texts) % num_workers)]
    rows = TensorDict(
        {
            "input_ids": nested(whole),
            "position_ids": nested([torch.arange(len(text)) for text in whole]),
            "loss_mask": nested([torch.ones_like(text) for text in whole]),
        },
        batch_size=len(whole),
    )
    tu.assign_non_tensor(rows, temperature=1.0, calculate_entropy=False, compute_loss=False)
    found = ask(rows)["log_probs"].unbind()[: len(texts)]
    # The score of a token stands at the one before it.
    return [
        row[-len(reference) - 1 : -1].float()
        for row, reference in zip(found, references, strict=True)
    ]
