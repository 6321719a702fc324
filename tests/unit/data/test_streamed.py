"""Texts are not held while data are checked."""

import json
import tracemalloc
from pathlib import Path

from rlsr.config.data import DataConfig
from rlsr.data.streamed import check_data

NUM_ROWS, LENGTH = 4000, 3000
MOST_BYTES_A_ROW = 700
"""Of 6,000 that its texts have; 340 in a set of a million."""


def test_checking_takes_memory_by_the_row_and_not_by_the_text(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for number in range(NUM_ROWS):
            row = {"prompt": f"{number} " + "p" * LENGTH, "response": "r" * LENGTH}
            lines.write(json.dumps(row) + "\n")
    check_data(DataConfig(path=str(file), limit=2))  # what is imported and made once
    tracemalloc.start()
    try:
        report = check_data(DataConfig(path=str(file))).report
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.num_rows == NUM_ROWS
    assert report.reference_chars.median == LENGTH
    assert peak / NUM_ROWS < MOST_BYTES_A_ROW
