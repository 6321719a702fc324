"""A fuzzer looks for files that reach code of a reader which no file has reached before (coverage-guided, libFuzzer by atheris).

    python tests/fuzz.py jsonl 100000

With ``pip install 'rlsr[fuzz]'``. A file for which a reader breaks its promise ends it with the traceback, and is kept as
``crash-*`` in the working directory.
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rlsr", "yaml"]):
    from readers import READERS, reader
from mutants import ODD_BYTES
from reader import check


def main() -> None:
    """Fuzz one reader for a number of inputs."""
    if len(sys.argv) != 3 or sys.argv[1] not in READERS:
        sys.exit(f"usage: fuzz.py READER NUM_INPUTS, with one of the readers {', '.join(READERS)}")
    name, num_inputs = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    what = reader(name)
    with tempfile.TemporaryDirectory() as folder:
        seeds, words = Path(folder) / "seeds", Path(folder) / "words"
        seeds.mkdir()
        for place, seed in enumerate(what.seeds):
            (seeds / str(place)).write_bytes(seed)
        quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in ODD_BYTES if len(word) < 64)  # fmt: skip
        words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
        atheris.Setup(
            [sys.argv[0], f"-runs={num_inputs}", "-max_len=20000", f"-dict={words}", "-print_final_stats=1", str(seeds)],
            lambda content: bool(check(what, content)) and None,
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main()
