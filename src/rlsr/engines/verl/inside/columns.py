"""Columns of verl's batch, whose rows lie in its transfer queue and have tokens of different numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transfer_queue as tq
from tensordict import TensorDict


def nested(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put rows of different lengths together."""
    return torch.nested.as_nested_tensor(list(rows), layout=torch.jagged)


def put(batch: Any, fields: Mapping[str, torch.Tensor]) -> Any:
    """Write columns of a batch, and return it as verl knows it then."""
    return tq.kv_batch_put(
        keys=batch.keys,
        partition_id=batch.partition_id,
        fields=TensorDict(dict(fields), batch_size=len(batch)),
    )
