"""benchmarks/third_encoder.py: kept answers judged once more, and the table of it."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.embeddings.protocol import Encoding, unit_rows
from rlsr.runs.rows import HeldoutRow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

VECTORS = {"north": [2.0, 0.0], "east": [0.0, 3.0], "northeast": [1.0, 1.0], "": [0.0, 0.0]}


class Compass:
    """An encoder of four words; the real one is a package that tests do without."""

    identity = "compass"

    def encode(self, texts: Sequence[str]) -> Encoding:
        vectors = unit_rows(np.array([VECTORS[text] for text in texts]))
        return Encoding(vectors, np.zeros(len(texts), dtype=np.bool_))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found = importlib.import_module("third_encoder")
    monkeypatch.setattr(found, "ThirdEncoder", Compass)
    monkeypatch.setattr(importlib.import_module("claim_over_sets"), "NUM_RESAMPLES", 100)
    return found


def row(response: str, *references: str) -> HeldoutRow:
    more = references if len(references) > 1 else ()
    return HeldoutRow("1", "where?", references[0], response, {}, references=more)


def test_answers_stand_beside_their_own_references(module: Any) -> None:
    rows = [row("north", "north"), row("north", "east"), row("northeast", "north"), row("", "east")]
    assert module.closeness(rows, Compass()) == pytest.approx([1, 0, 0.5**0.5, 0])


def test_of_several_references_the_closest_counts(module: Any) -> None:
    rows = [row("north", "east", "north"), row("east", "east")]
    assert module.closeness(rows, Compass()) == pytest.approx([1, 1])


def test_the_last_stage_of_every_seed_is_read(module: Any, tmp_path: Path) -> None:
    def answer(place: str, response: str) -> None:
        directory = tmp_path / place / "evaluation"
        directory.mkdir(parents=True)
        (directory.parent / "config.json").write_text("{}")
        line = {**row(response, "north").table(), "scores": {"reward": 0.5}}
        (directory / "after.jsonl").write_text(json.dumps(line) + "\n")

    answer("sft/seed-0", "east")
    answer("sft/seed-1", "north")
    answer("sft+rlsr/seed-0/1-sft", "east")
    answer("sft+rlsr/seed-0/2-rlsr", "north")
    assert module._judged(tmp_path) == {"sft": [[0.0], [1.0]], "sft+rlsr": [[1.0]]}


def test_a_base_that_was_measured_twice_is_one(module: Any) -> None:
    base = [[0.5] * 40] * 2
    scores = {"base": base, "sft": [[0.6] * 40] * 3, "sft+rlsr": [[0.7] * 40] * 3}
    text = module.table({name: {"seeds": scores, "means": scores} for name in module.SETS})
    (line,) = (line for line in text.splitlines() if line.startswith("| dolly, one run"))
    expected = "| 0.500 | 0.600 | 0.700 | +0.100 [+0.100, +0.100] | 2.00 [2.00, 2.00] |"
    assert line.endswith(expected)


def test_the_page_has_what_the_file_says(module: Any) -> None:
    page = module.PAGE.read_text(encoding="utf-8")
    for line in module.table(json.loads(module.KEPT.read_text(encoding="utf-8"))).splitlines():
        # Intervals of few resamples are others.
        assert line.partition("[")[0] in page
