"""Whatever stands in a file, it is read, or one message says what is wrong with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from mutants import mutants
from reader import Reader, check
from readers import READERS, reader

NUM_INPUTS = 5000
"""Of the slow test, a reader: more than 100,000 for all together."""
NUM_FUZZED = 3000
"""Of the fuzzer, a reader."""
HEAVY = 20
"""How many times fewer inputs a heavy reader gets."""

FUZZ = Path(__file__).parents[1] / "fuzz.py"


def try_mutants(what: Reader, num: int) -> None:
    """Let a reader read files that are a few changes away from right ones."""
    num = num // HEAVY if what.is_heavy else num

    @settings(max_examples=num, suppress_health_check=list(HealthCheck))
    @given(mutants(what.seeds, what.is_json))
    def read(content: bytes) -> None:
        check(what, content)

    read()


@pytest.mark.parametrize("name", READERS)
def test_right_files_are_read(name: str) -> None:
    for seed in reader(name).seeds:
        reader(name).read(seed)


DEEP = b"[" * 100_000
MANIFEST = (
    b'{"heldout": [{"name": "chrf", "difference": {"mean": 1, "low": 0, "high": 2, "num": "x"}}]}'
)
JUDGED = b'{"prompt": "Q", "reference": "A", "response": "B", "is_correct": false}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset info", b"1"), ("dataset state", b'{"_data_files": []}'), ("dataset state", DEEP), ("dataset rows", b"ARROW1"),
        ("judged", JUDGED + b'{"prompt": "Q", "reference": "A", "response": "A"}\n'), ("judged", JUDGED + b'{"prompt": "Q", "reference": "A"}\n'),
        ("judged", b'{"prompt": "Q", "reference": "A", "chosen": "A", "rejected": "B"}\n{"prompt": "P", "reference": "A", "chosen": "A"}\n'),
        ("judged", JUDGED.replace(b"false", b"9" * 400)), ("judged", JUDGED.replace(b"false", b"NaN")), ("config", DEEP), ("override", b"seed=" + DEEP[:5000]), ("settings", b'{"reward": {"type": {}}}'), ("settings", b'{"method": {"type": []}}'),
        ("settings", b'{"embedding": {"model": {}}}'), ("manifest", MANIFEST), ("choices", DEEP), ("preferences", DEEP + b"\n"),
        ("adapters", DEEP), ("stages", b'{"stages": [{"name": "%s"}]}' % (b"x" * 5000)),
    ],
)  # fmt: skip
def test_files_that_once_broke_a_reader_are_refused(name: str, content: bytes) -> None:
    assert not check(reader(name), content)


def test_half_a_checkpoint_is_none() -> None:
    assert check(reader("checkpoint"), DEEP)


@pytest.mark.parametrize("name", READERS)
def test_changed_files_are_read_or_refused(name: str) -> None:
    try_mutants(reader(name), 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_changed_files_are_read_or_refused(name: str) -> None:
    try_mutants(reader(name), NUM_INPUTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_fuzzer_finds_no_file_that_breaks_a_reader(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="needs pip install 'rlsr[fuzz]'")
    num = NUM_FUZZED // HEAVY if reader(name).is_heavy else NUM_FUZZED
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, str(FUZZ), name, str(num)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert f"Done {num} runs" in result.stderr
