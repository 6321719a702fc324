"""The answers that a ranker is learnt from and judged on, with the parts of each: quality sets, and the audit's attacks on them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality_attacks import HONEST, attacked_rows
from quality_data import Group, load_groups, load_unseen
from ranker_parts import PARTS, measure_parts

from rlsr.auditing.attacks import ATTACKS, AttackRow
from rlsr.embeddings import load_named_embedder

Floats = NDArray[np.float64]

SOURCES = ("gsm8k", "self_instruct", "vicuna", "truthfulqa", "arena")
_NUM_ARENA = 200
"""Prompts of Arena that scorers are made on; they are drawn first, and their texts are the longest by far."""
_SEED = 0


@dataclass(frozen=True)
class Measured:
    """Several answers to one prompt and what is known of each."""

    source: str
    """The set."""
    id: str
    """The prompt; Vicuna's come once for each reference."""
    names: tuple[str, ...]
    """Who wrote each answer, or which attack made it; ``honest`` is the answer that was attacked."""
    labels: Floats
    """How good each is, comparable within the prompt; of attacks 1 for the honest answer and 0 for the others."""
    parts: Floats
    """One row an answer, a column for each of ``PARTS``."""
    lengths: Floats
    """Words of each answer."""


@dataclass(frozen=True)
class Rows:
    """What scorers are judged on."""

    ranked: list[Measured]
    """Prompts of the labelled sets."""
    attacked: list[Measured]
    """Honest answers, each before the attacks of ``rlsr audit`` on it."""


def load_rows(data: Path, cache: Path) -> tuple[Rows, Rows]:
    """Measure all answers, or read what was measured before.

    Args:
        data: Directory with the gzip files.
        cache: Directory for the parts; nothing of it is text.

    Returns:
        The rows that scorers are made on, and others of GSM8K, TruthfulQA and Arena to confirm what was found.
    """
    groups = load_groups(data)
    arena = [group for group in groups if group.source == "arena"]
    seen = [*(group for group in groups if group.source != "arena"), *arena[:_NUM_ARENA]]
    unseen = [*load_unseen(data), *arena[_NUM_ARENA:]]
    return _rows(seen, cache), _rows(unseen, cache)


def without_last_lines(data: Path, cache: Path) -> Rows:
    """Measure GSM8K's other prompts with the last line of each answer and reference left out, which says the result alone.

    Args:
        data: Directory with the gzip files.
        cache: Directory for the parts.
    """
    groups = [
        replace(
            group,
            reference=_but_last_line(group.reference),
            responses=tuple(map(_but_last_line, group.responses)),
        )
        for group in load_unseen(data)
        if group.source == "gsm8k"
    ]
    return Rows(_measured(list(map(_as_asked, groups)), cache), [])


def _but_last_line(text: str) -> str:
    return text.rpartition("\n")[0] or text


def _rows(groups: Sequence[Group], cache: Path) -> Rows:
    by_source = {
        source: [group for group in groups if group.source == source] for source in SOURCES
    }
    ranked = [
        row for own in by_source.values() for row in _measured(list(map(_as_asked, own)), cache)
    ]
    attacked = [row for own in by_source.values() for row in _measured(_attacks(own), cache)]
    return Rows(ranked, attacked)


@dataclass(frozen=True)
class _Asked:
    source: str
    id: str
    reference: str
    names: tuple[str, ...]
    responses: tuple[str, ...]
    labels: tuple[float, ...]


def _as_asked(group: Group) -> _Asked:
    return _Asked(
        group.source, group.id, group.reference, group.names, group.responses, group.labels
    )


def _attacks(groups: Sequence[Group]) -> list[_Asked]:
    """Attack the honest answers of reward-quality.md in all ways of ``rlsr audit``; a set may have none."""
    prompts = {group.id: group.prompt for group in groups}
    rows = attacked_rows(groups)
    # Where the data have no prompt its id stands for it, since it tells rows apart; then no attack may be made of it.
    asked = [
        AttackRow(prompts[row.id] or row.id, row.reference, row.answers[HONEST]) for row in rows
    ]
    made = {
        attack.name: attack.make(asked, _SEED)
        for attack in ATTACKS
        if attack.name != "prompt copied" or all(prompts.values())
    }
    found = []
    for place, row in enumerate(rows):
        texts = {name: text for name, all_ in made.items() if (text := all_[place]) is not None}
        found.append(
            _Asked(
                row.source, row.id, row.reference, (HONEST, *texts),
                (asked[place].honest, *texts.values()), (1.0, *(0.0 for _ in texts)),
            )
        )  # fmt: skip
    return found


def _measured(asked: Sequence[_Asked], cache: Path) -> list[Measured]:
    pairs = [(text, row.reference) for row in asked for text in row.responses]
    if not pairs:
        return []
    parts = _cached_parts(pairs, cache)
    lengths = np.array([float(len(response.split())) for response, _ in pairs])
    borders = np.cumsum([len(row.responses) for row in asked])[:-1]
    return [
        Measured(row.source, row.id, row.names, np.array(row.labels), own, length)
        for row, own, length in zip(
            asked, np.split(parts, borders), np.split(lengths, borders), strict=True
        )
    ]


def _cached_parts(pairs: Sequence[tuple[str, str]], cache: Path) -> Floats:
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([PARTS, pairs]).encode()).hexdigest()[:16]
    place = cache / f"parts-{key}.npy"
    if not place.exists():
        embedder = load_named_embedder("builtin:wordllama", "cpu")
        np.save(place, measure_parts(embedder, pairs))
    found: Floats = np.load(place)
    return found
