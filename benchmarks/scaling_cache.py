"""What the cache of references takes: bytes, memory, and seconds to make, to keep and to find.

python benchmarks/scaling_cache.py --references 100000 --out FILE
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from rlsr.embeddings import ReferenceCache, load_named_embedder
from rlsr.runs import collect_provenance

CALL = 1024
WORDS = 32


def main() -> None:
    """Encode, keep, and look up again in a new session."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--references", type=int, default=100_000)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    words = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8").split()
    rng = random.Random(0)
    texts = [" ".join(rng.choices(words, k=WORDS)) for _ in range(arguments.references)]
    embedder = load_named_embedder("builtin:wordllama", "cpu")
    embedder.encode(texts[:8])
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        for session in ("encoded and kept", "found again"):
            cache = ReferenceCache(embedder, Path(place))
            before, memory = time.process_time(), _peak()
            for start in range(0, len(texts), CALL):
                cache.encode(texts[start : start + CALL])
            found[f"{session}, CPU s for 10,000"] = (
                (time.process_time() - before) / len(texts) * 10_000
            )
            if session == "encoded and kept":
                found["memory, bytes a reference"] = (_peak() - memory) / len(texts)
        (file,) = Path(place).glob("*.sqlite")
        found["file, bytes a reference"] = file.stat().st_size / len(texts)
    facts = collect_provenance({"references": len(texts), "words": WORDS, **{name: round(value, 2) for name, value in found.items()}})  # fmt: skip
    del facts["command"]  # names places of this machine
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{found}\n")


def _peak() -> int:
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


if __name__ == "__main__":
    main()
