"""Readers of data: rows of every format, judged rows, and saved datasets."""

import io
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reader import Reader, file_of, workplace
from rlsr.auditing.rows import load_audit_rows
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.data.sources import read_rows


def _rows(suffix: str, count: Callable[[bytes], int | None]) -> Callable[[bytes], None]:
    """Read a data file: every row becomes something that is counted."""

    def read(content: bytes) -> None:
        path = str(file_of(f"rows{suffix}", content))
        found = list(read_rows(path))
        expected = count(content)
        assert expected is None or len(found) == expected, "a row is lost, or made"
        report = load_dataset(DataConfig(path=path, heldout=0, on_bad_row="skip")).report
        assert report.num_rows == len(found)
        kept = report.num_train + report.num_heldout + report.num_merged + report.num_repeated
        assert kept + len(report.skipped) == len(found), "a row is neither kept nor reported"

    return read


def _count_json_lines(content: bytes) -> int:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return sum(bool(line.strip(b" \t\r\n")) for line in lines)


def _count_array(content: bytes) -> int | None:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return len(value) if isinstance(value, list) else None


def _count_records(content: bytes) -> int | None:
    """Count the records behind the header; where cells are quoted that is the reader's own business."""
    if b'"' in content:
        return None
    lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
    return max(sum(bool(line) for line in lines) - 1, 0)


def _count_parquet(content: bytes) -> int:
    import pyarrow.parquet

    return int(pyarrow.parquet.ParquetFile(io.BytesIO(content)).metadata.num_rows)


def _judged(content: bytes) -> None:
    load_audit_rows(DataConfig(path=str(file_of("judged.jsonl", content)), heldout=0), 100, seed=0)


@cache
def _dataset() -> Path:
    import datasets

    path = workplace() / "saved"
    datasets.Dataset.from_list([dict(row) for row in _ROWS[:2]]).save_to_disk(str(path))
    return path


def _saved(name: str) -> tuple[bytes, ...]:
    return ((_dataset() / name).read_bytes(),)


def _saved_dataset(name: str) -> Callable[[bytes], None]:
    """Read a dataset that ``save_to_disk`` wrote, one of whose files is another."""
    file = _dataset() / name
    seed = file.read_bytes()

    def read(content: bytes) -> None:
        file.write_bytes(content)
        try:
            list(read_rows(str(file.parent)))
        finally:
            file.write_bytes(seed)

    return read


_ROWS: tuple[Mapping[str, Any], ...] = (
    {"prompt": "Say hello", "response": "Hello there", "split": "train"},
    {"prompt": "Say bye", "response": "Bye, then", "split": "heldout"},
    {"prompt": "Count", "response": "one\ntwo", "id": 7, "category": "numbers", "system": "be brief", "dates": [1, {"a": None}]},
)  # fmt: skip
_LAYOUTS: tuple[Mapping[str, Any], ...] = (
    {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": [{"type": "text", "text": "A"}]}]},
    {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    {"instruction": "Add", "input": "1 and 2", "output": "3", "history": [["Q", "A"]]},
    {"prompt": [{"role": "user", "content": "Q"}], "chosen": [{"role": "assistant", "content": "A"}], "rejected": "no"},
    {"prompt": "Q", "completion": "A"},
)  # fmt: skip
_JUDGED: tuple[Mapping[str, Any], ...] = (
    {"prompt": "Q", "reference": "A", "response": "B", "is_correct": False},
    {"prompt": "Q", "reference": "A", "response": "A", "is_correct": True},
    {"prompt": "P", "reference": "A", "chosen": "A", "rejected": "B"},
)


def _lines(rows: tuple[Mapping[str, Any], ...]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _parquet(rows: tuple[Mapping[str, Any], ...]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), stream)
    return stream.getvalue()


_CSV = (
    b'prompt,response,split\nSay hello,"Hello, there",train\r\nCount,"one\ntwo",heldout\n',
    b"prompt,response\nSay hello,Hello there\nCount,one two\n\nAdd,3\n",
)
ROW_READERS: dict[str, Callable[[], Reader]] = {
    "jsonl": lambda: Reader((_lines(_ROWS), *(_lines((row,)) for row in _LAYOUTS)), _rows(".jsonl", _count_json_lines), is_json=True),
    "json": lambda: Reader(
        (json.dumps(_ROWS).encode(), json.dumps({"version": 1, "data": _LAYOUTS[:1]}, indent=1).encode()),
        _rows(".json", _count_array), is_json=True,
    ),
    "csv": lambda: Reader(_CSV, _rows(".csv", _count_records)),
    "parquet": lambda: Reader((_parquet(_ROWS[:2]), _parquet(_LAYOUTS[1:2])), _rows(".parquet", _count_parquet)),
    "dataset state": lambda: Reader(_saved("state.json"), _saved_dataset("state.json"), is_json=True),
    "dataset info": lambda: Reader(_saved("dataset_info.json"), _saved_dataset("dataset_info.json"), is_json=True),
    "dataset rows": lambda: Reader(_saved("data-00000-of-00001.arrow"), _saved_dataset("data-00000-of-00001.arrow")),
    "judged": lambda: Reader((_lines(_JUDGED[:2]), _lines(_JUDGED[2:])), _judged, is_json=True),
}  # fmt: skip
