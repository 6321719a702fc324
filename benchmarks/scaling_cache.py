"""What the cache of references takes: bytes, memory, and seconds to make, to keep and to find.

    python benchmarks/scaling_cache.py --references 50000 --out FILE
    python benchmarks/scaling_cache.py --references 1000000 --made-up --out FILE

With ``--made-up`` the vectors are random and cost next to nothing, so that what is measured is the cache's own.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlsr.embeddings import Embedder, Encoding, ReferenceCache, load_named_embedder
from rlsr.embeddings.protocol import unit_rows
from rlsr.runs import collect_provenance

CALL = 1024
WORDS = 32
NUMBERS = 256


class MadeUp:
    """Gives each text any vector of as many numbers as the default encoder's."""

    identity = "made up"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Draw vectors."""
        vectors = self._rng.standard_normal((len(texts), NUMBERS), dtype=np.float32)
        return Encoding(unit_rows(vectors), np.zeros(len(texts), dtype=np.bool_))


def main() -> None:
    """Encode, keep, and look up again in a new session."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--references", type=int, default=100_000)
    parser.add_argument("--made-up", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    words = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8").split()
    rest = " ".join(random.Random(0).choices(words, k=10 * WORDS)).split()
    embedder: Embedder = MadeUp() if arguments.made_up else load_named_embedder("builtin:wordllama", "cpu")  # fmt: skip
    count = arguments.references

    def text(number: int) -> str:
        start = number % (9 * WORDS)
        return " ".join([str(number), *rest[start : start + WORDS - 1]])

    embedder.encode([text(0)] * 8)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        for session in ("encoded and kept", "found again"):
            cache = ReferenceCache(embedder, Path(place))
            before, memory = time.process_time(), _peak()
            for start in range(0, count, CALL):
                cache.encode([text(number) for number in range(start, min(start + CALL, count))])
            found[f"{session}, CPU s for 10,000"] = (time.process_time() - before) / count * 10_000
            found[f"{session}, memory in MB at the peak"] = (_peak() - memory) / 1e6
            del cache
        (file,) = Path(place).glob("*.sqlite")
        found["file, bytes a reference"] = file.stat().st_size / count
    facts = collect_provenance({
        "references": count, "words": WORDS, "made_up": arguments.made_up,
        **{name: round(value, 3) for name, value in found.items()},
    })  # fmt: skip
    del facts["command"]  # names places of this machine
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{found}\n")


def _peak() -> int:
    """Read the most resident bytes since it was last read, as Linux notes it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
