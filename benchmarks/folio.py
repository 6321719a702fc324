"""FOLIO's sentences as prompts and its formulas as references, with the authors' own split.

python benchmarks/folio.py folio_nl_fol_pairs.jsonl.gz folio.jsonl
"""

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

INSTRUCTION = "Translate into first-order logic:"


def row(number: int, source: dict[str, Any]) -> dict[str, str]:
    """Write a row as rlsr reads it; those of the validation split are marked as held out."""
    return {
        "id": f"folio-{number}",
        "prompt": f"{INSTRUCTION} {source['prompt']}",
        "response": source["response"],
        "split": "train" if source["split"] == "train" else "heldout",
    }


def main() -> None:
    """Convert the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="gzip JSON lines: split, prompt, response")
    parser.add_argument("target", type=Path, help="JSONL to write")
    request = parser.parse_args()
    with gzip.open(request.source, "rt", encoding="utf-8") as lines:
        rows = [row(number, json.loads(line)) for number, line in enumerate(lines)]
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows)
    request.target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(rows):,} rows in {request.target}\n")


if __name__ == "__main__":
    main()
