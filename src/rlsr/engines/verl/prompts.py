"""Prompts as verl reads them: Parquet, a row a prompt, with all that is known of it for the reward."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlsr.data.record import Message, PromptRecord
from rlsr.models.chat import as_chat

_ROWS_AT_A_TIME = 10_000


def row_of(place: int, record: PromptRecord) -> dict[str, Any]:
    """Write a prompt as a row of verl's layout.

    Args:
        place: Among the training prompts.
        record: The prompt.
    """
    return {
        "data_source": "rlsr",
        "prompt": as_chat(record.messages),
        "reward_model": {"style": "rlsr", "ground_truth": record.reference},
        "extra_info": {"index": place, "record": json.dumps(asdict(record))},
    }


def record_of(text: str) -> PromptRecord:
    """Read a prompt back from ``extra_info.record``.

    Args:
        text: As ``row_of`` has written it.
    """
    facts = json.loads(text)
    messages = tuple(Message(**message) for message in facts.pop("messages"))
    others = tuple(facts.pop("other_references"))
    return PromptRecord(messages=messages, other_references=others, **facts)


def write_prompts(file: Path, records: Iterable[PromptRecord]) -> None:
    """Write all training prompts, a part of them in memory at a time.

    Args:
        file: Where to.
        records: In their order, which their places are.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    schema = pa.schema(
        {
            "data_source": text,
            "prompt": pa.list_(pa.struct({"role": text, "content": text})),
            "reward_model": pa.struct({"style": text, "ground_truth": text}),
            "extra_info": pa.struct({"index": pa.int64(), "record": text}),
        }
    )
    with pq.ParquetWriter(file, schema) as writer:
        for rows in _parts(records):
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _parts(records: Iterable[PromptRecord]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for place, record in enumerate(records):
        rows.append(row_of(place, record))
        if len(rows) == _ROWS_AT_A_TIME:
            yield rows
            rows = []
    yield rows
