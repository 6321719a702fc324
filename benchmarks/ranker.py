"""Can a cheap scorer rank answers better than the blend? The tables of ranker.md.

    python benchmarks/ranker.py --data DIR --cache DIR   # keeps results/ranker.json and writes its tables into ranker.md
    python benchmarks/ranker.py                          # the tables alone, from what is kept

DIR of the data holds the gzip JSON lines that quality_data.py reads; the cache keeps measured parts, no text. What
ranker_policy.py found in the same cache is judged, too. Minutes on one core.
"""

import argparse
import gzip
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from claim_tables import put_between_markers
from quality_data import Group, load_groups
from quality_statistics import interval, paired, resampled, win
from ranker_measures import attack_wins, measure
from ranker_parts import FAMILIES
from ranker_policy_scores import policy_measures
from ranker_rows import Rows, load_rows, without_last_lines
from ranker_scorers import (  # fmt: skip
    CHOSEN,
    DEFAULT,
    SHIPPED,
    Scorer,
    chosen_means,
    fixed_scorers,
    logistic_scorers,
    scored,
)
from ranker_tables import tables

from rlsr.embeddings import ReferenceCache, load_named_embedder
from rlsr.rewards.closeness import blended_similarity
from rlsr.rewards.lexical import f_scores

HERE = Path(__file__).parent
KEPT = HERE / "results" / "ranker.json"
PAGE = HERE / "ranker.md"

_PREFERENCES = ("hh_rlhf_harmless_base_test", "dpo_en_demo_300")
_NUM_TIMED = 64
_NUM_TRIES = 3


def main() -> None:
    """Measure where data are given, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="directory with the gzip files")
    parser.add_argument("--cache", type=Path, help="directory for measured parts")
    arguments = parser.parse_args()
    if (arguments.data is None) != (arguments.cache is None):
        parser.error("--data and --cache are given together, or neither of them")
    if arguments.data is not None:
        kept = found(arguments.data, arguments.cache)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    for name, table in tables(json.loads(KEPT.read_text(encoding="utf-8"))).items():
        page = put_between_markers(page, name, table, PAGE)
    PAGE.write_text(page, encoding="utf-8")


def found(data: Path, cache: Path) -> dict[str, Any]:
    """Measure everything that is kept."""
    seen, unseen = load_rows(data, cache)
    scorers = fixed_scorers()
    learnt = logistic_scorers(seen)
    scorers |= {name: scorer for name, (scorer, _) in learnt.items()}
    scorers[CHOSEN], members = chosen_means(seen)
    confirmed = {name: scorers[name] for name in (DEFAULT, "length", "cosine", "overlap", "words F", "equal weights, all members", SHIPPED)}  # fmt: skip
    groups = load_groups(data)
    return {
        "answers": {"seen": _counts(seen), "unseen": _counts(unseen)},
        "seen": _judged(scorers, seen),
        "unseen": _judged(confirmed, unseen),
        "gsm8k without last lines": _judged(confirmed, without_last_lines(data, cache)),
        "attacks": {
            "seen": _attacks(scorers, (DEFAULT, SHIPPED, CHOSEN, "length"), seen),
            "unseen": _attacks(scorers, (DEFAULT, SHIPPED), unseen),
        },
        "weights": {name: weights for name, (_, weights) in learnt.items()},
        "members": members,
        "milliseconds": _milliseconds(groups),
        "preferences": {name: _longer_is_chosen(data, name) for name in _PREFERENCES},
        "counter-references": _counter_references(groups),
        "policy": policy_measures(groups, seen, cache / "policy"),
    }


def _counts(rows: Rows) -> dict[str, dict[str, int]]:
    """Count prompts and answers by set, and attacked answers."""
    counts: dict[str, dict[str, int]] = {}
    for key, prompts in (("ranked", rows.ranked), ("attacked", rows.attacked)):
        for source in dict.fromkeys(row.source for row in prompts):
            own = [row for row in prompts if row.source == source]
            counts[f"{source}, {key}"] = {
                "prompts": len({row.id for row in own}),
                "answers": sum(len(row.names) for row in own),
            }
    return counts


def _judged(scorers: dict[str, Scorer], rows: Rows) -> dict[str, dict[str, Any]]:
    judged = {
        name: measure(scored(scorer, rows.ranked), scored(scorer, rows.attacked))
        for name, scorer in scorers.items()
    }
    default = judged[DEFAULT]
    return {
        name: {
            measured: {
                "value": interval(part).rounded(),
                "minus default": paired(part, default[measured]).rounded(),
            }
            for measured, part in parts.items()
        }
        for name, parts in judged.items()
    }


def _attacks(
    scorers: dict[str, Scorer], names: Sequence[str], rows: Rows
) -> dict[str, dict[str, Any]]:
    wins = {name: attack_wins(scored(scorers[name], rows.attacked)) for name in names}
    return {
        attack: {
            "rows": len(default),
            "wins": {name: round(float(own[attack].mean()), 4) for name, own in wins.items()},
            "ensemble minus default": interval(
                resampled(wins[SHIPPED][attack] - default, seed=place)
            ).rounded(),
        }
        for place, (attack, default) in enumerate(wins[DEFAULT].items())
    }


def _milliseconds(groups: Sequence[Group]) -> dict[str, dict[str, float]]:
    """Time each family of parts on 64 answers whose references are known."""
    times: dict[str, dict[str, float]] = {}
    for source in ("self_instruct", "vicuna"):
        pairs = [
            (text, group.reference)
            for group in groups
            if group.source == source
            for text in group.responses
        ][:_NUM_TIMED]
        embedder = load_named_embedder("builtin:wordllama", "cpu")
        best: dict[str, float] = {}
        for _ in range(_NUM_TRIES):
            for name, family in FAMILIES.items():
                cache = ReferenceCache(embedder, None)
                # References, and their sentences and words, come back with each rollout.
                family(cache, [(reference, reference) for _, reference in pairs])  # type: ignore[arg-type]
                start = time.process_time()
                family(cache, pairs)  # type: ignore[arg-type]
                cost = 1000 * (time.process_time() - start) / len(pairs)
                best[name] = min(cost, best.get(name, cost))
        times[source] = {name: round(cost, 3) for name, cost in best.items()}
        times[source]["words an answer"] = round(
            float(np.mean([len(text.split()) for text, _ in pairs])), 1
        )
    return times


def _longer_is_chosen(data: Path, name: str) -> list[float]:
    """Count the pairs of a preference set without references in which the longer answer was chosen."""
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    wins = [win(len(row["chosen"].split()), len(row["rejected"].split())) for row in rows]
    return [*interval(resampled(np.array(wins), seed=0)).rounded(), float(len(wins))]


def _counter_references(groups: Sequence[Group]) -> dict[str, list[float]]:
    """Rank TruthfulQA's answers by the blend to the other correct ones, and minus that to the incorrect ones."""
    embedder = ReferenceCache(load_named_embedder("builtin:wordllama", "cpu"), None)
    values: dict[str, list[float]] = {"best answer": [], "correct ones": [], "correct minus incorrect ones": []}  # fmt: skip
    for group in groups:
        labels = np.array(group.labels)
        # An answer is compared to others alone; the best answer is always a reference.
        if group.source != "truthfulqa" or (labels == 1).sum() < 1 or (labels == 0).sum() < 2:
            continue
        table = _closeness(embedder, group.responses, (group.reference, *group.responses))
        np.fill_diagonal(table[:, 1:], np.nan)
        right = np.nanmean(table[:, np.r_[True, labels == 1]], axis=1)
        wrong = np.nanmean(table[:, 1:][:, labels == 0], axis=1)
        scores = {"best answer": table[:, 0], "correct ones": right, "correct minus incorrect ones": right - wrong}  # fmt: skip
        for name, own in scores.items():
            values[name].append(
                float(np.mean([win(a, b) for a in own[labels == 1] for b in own[labels == 0]]))
            )
    return {
        name: [*interval(resampled(np.array(own), seed=0)).rounded(), float(len(own))]
        for name, own in values.items()
    }


def _closeness(
    embedder: ReferenceCache, rows: Sequence[str], columns: Sequence[str]
) -> np.ndarray[Any, Any]:
    """Blend each row with each column."""
    pairs = [(row, column) for row in rows for column in columns]
    embedded = {name: FAMILIES[name](embedder, pairs) for name in ("cosine", "letters", "numbers")}  # type: ignore[arg-type]
    overlap = f_scores((embedded["letters"][0], embedded["letters"][1]), 1.5)
    found = blended_similarity(
        embedded["cosine"][0], overlap, embedded["numbers"][0], number_share=0.25
    )
    return found.reshape(len(rows), len(columns))


if __name__ == "__main__":
    main()
