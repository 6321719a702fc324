"""Rows of an SFT set whose references are short enough for a comparison on a CPU.

python benchmarks/short_references.py alpaca.jsonl.gz short.jsonl
"""

import argparse
import json
import sys
from pathlib import Path

from rlsr.config.data import DataConfig
from rlsr.data import load_dataset

LONGEST_REFERENCE = 300
LONGEST_PROMPT = 400
"""Characters."""


def main() -> None:
    """Filter a set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="any file that rlsr reads")
    parser.add_argument("target", type=Path, help="JSONL to write")
    request = parser.parse_args()
    config = DataConfig(path=request.source, heldout=0, on_bad_row="skip")
    kept = [
        {"id": record.id, "prompt": record.prompt, "response": record.reference}
        for record in load_dataset(config).train
        if len(record.prompt) <= LONGEST_PROMPT and len(record.reference) <= LONGEST_REFERENCE
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
    request.target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(kept):,} rows in {request.target}\n")


if __name__ == "__main__":
    main()
