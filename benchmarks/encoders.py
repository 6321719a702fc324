"""Which property of an encoder matters for a reward? The tables of encoders.md.

    python benchmarks/encoders.py measure --data DIR --vectors DIR --out results/encoders.json
    python benchmarks/encoders.py table --kept results/encoders.json --out tables.md

DIR of the data holds the gzip JSON lines that quality_data.py reads. The vectors are kept, a file for each family; a family whose
package is missing is left out with a notice. Half an hour of one core, most of it the policy's states.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from encoder_states import FAMILIES, WHITENED, Variant, Vectors, whitened
from encoder_tables import tables
from quality_attacks import FACTS, AttackedRow, attacked_rows
from quality_data import SELF_INSTRUCT_ORDER, Group, load_groups
from quality_scorers import Floats, clean
from quality_statistics import per_prompt
from scipy.stats import rankdata

from rlsr.config.reward import SimilarityConfig
from rlsr.rewards.closeness import blended_similarity
from rlsr.rewards.lexical import character_overlap, number_agreement
from rlsr.rewards.similarity import cosine_rewards

logger = logging.getLogger(__name__)

NUM_PROMPTS = {"gsm8k": 83, "self_instruct": 126, "vicuna": 40, "truthfulqa": 137, "arena": 60}
FEW_PROMPTS = {"gsm8k": 40, "self_instruct": 48, "vicuna": 24, "truthfulqa": 80, "arena": 16}
"""For families whose vectors cost much."""
ON_FEW = {"policy"}
NUM_ROWS, FEW_ROWS = 10, 4
"""Attacked rows of each of four sets."""
NUM_FITTED, FEW_FITTED = 50, 30
"""References of each set that whitening is fitted on, of the half that nothing is judged on."""
_NUM_RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Judged:
    """What similarities are judged on."""

    groups: tuple[Group, ...]
    """Prompts with answers of known quality."""
    rows: tuple[AttackedRow, ...]
    """Prompts with attacked answers."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All answers with their references, the groups' first."""
        return [
            *((text, group.reference) for group in self.groups for text in group.responses),
            *((text, row.reference) for row in self.rows for text in row.answers.values()),
        ]


def main() -> None:
    """Measure, or write the tables of what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure")
    measure.add_argument("--data", type=Path, required=True, help="directory with the gzip files")
    measure.add_argument("--vectors", type=Path, required=True, help="directory that keeps vectors")
    measure.add_argument(
        "--families",
        nargs="+",
        choices=list(FAMILIES),
        default=list(FAMILIES),
        help="of encoders; others that the file has are kept",
    )
    measure.add_argument("--out", type=Path, required=True, help="JSON file to write")
    table = commands.add_parser("table")
    table.add_argument("--kept", type=Path, required=True, help="JSON file of `measure`")
    table.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args()
    if arguments.command == "table":
        kept = json.loads(arguments.kept.read_text(encoding="utf-8"))
        arguments.out.write_text("\n".join(tables(kept)) + "\n", encoding="utf-8")
        return
    arguments.vectors.mkdir(parents=True, exist_ok=True)
    found = _measure(load_groups(arguments.data), arguments.vectors, arguments.families)
    if arguments.out.exists():
        before = json.loads(arguments.out.read_text(encoding="utf-8"))
        found["encoders"] = {**before["encoders"], **found["encoders"]}
    arguments.out.write_text(json.dumps(found) + "\n", encoding="utf-8")


def _measure(everything: Sequence[Group], kept: Path, families: Sequence[str]) -> dict[str, Any]:
    judged = {
        "all": _judged(everything, NUM_PROMPTS, NUM_ROWS),
        "few": _judged(everything, FEW_PROMPTS, FEW_ROWS),
    }
    references = {
        "all": _references(everything, NUM_FITTED),
        "few": _references(everything, FEW_FITTED),
    }
    found: dict[str, Any] = {"counts": {}, "encoders": {}}
    for name, part in judged.items():
        found["counts"][name] = _counts(part, len(references[name]))
    for family in families:
        judged_on = "few" if family in ON_FEW else "all"
        part, fitted_on = judged[judged_on], references[judged_on]
        texts = list(dict.fromkeys([*(text for pair in part.pairs for text in pair), *fitted_on]))
        variants = _variants(family, texts, kept / f"{family}.npz")
        place = {text: row for row, text in enumerate(texts)}
        fitted = [place[text] for text in fitted_on]
        for name, variant in variants.items():
            vectors = {name: variant.vectors}
            if name in WHITENED:
                vectors[f"{name}, whitened"] = whitened(variant.vectors, variant.vectors[fitted])
            for shown, values in vectors.items():
                found["encoders"][shown] = {
                    "aim": variant.aim,
                    "size": variant.size,
                    "pooling": variant.pooling,
                    "whitened": shown != name,
                    "judged_on": judged_on,
                    **_judge(part, _cosines(part, values, place), everything),
                }
    return found


def _judged(everything: Sequence[Group], numbers: dict[str, int], num_rows: int) -> Judged:
    """Take the first prompts of each set, of half B; of GSM8K those that rank something."""
    ids: dict[str, dict[str, None]] = {source: {} for source in numbers}
    usable = [
        group
        for group in everything
        if group.half == "B" and len(set(group.labels)) > 1 and group.reference.strip()
    ]
    for group in usable:
        if len(ids[group.source]) < numbers[group.source]:
            ids[group.source].setdefault(group.id)
    rows: dict[str, list[AttackedRow]] = {}
    for row in attacked_rows(everything):
        if row.half == "B" and len(rows.setdefault(row.source, [])) < num_rows:
            rows[row.source].append(row)
    return Judged(
        tuple(group for group in usable if group.id in ids[group.source]),
        # Set by set in turn, so that few rows are the first of many.
        tuple(row for together in zip(*rows.values(), strict=True) for row in together),
    )


def _references(everything: Sequence[Group], number: int) -> list[str]:
    found: dict[str, dict[str, None]] = {}
    for group in everything:
        of_set = found.setdefault(group.source, {})
        if group.half == "A" and len(of_set) < number and group.reference.strip():
            of_set.setdefault(group.reference)
    return [text for of_set in found.values() for text in of_set]


def _counts(judged: Judged, num_fitted: int) -> dict[str, int]:
    ids = {(group.source, group.id) for group in judged.groups}
    return {
        **{source: sum(one == source for one, _ in ids) for source in NUM_PROMPTS},
        "answers": sum(len(group.responses) for group in judged.groups),
        "attacked": len(judged.rows),
        "attacked_in_facts": sum(any(name in row.answers for name in FACTS) for row in judged.rows),
        "attacks": sum(len(row.answers) - 1 for row in judged.rows),
        "fitted_on": num_fitted,
    }


def _variants(family: str, texts: Sequence[str], kept: Path) -> dict[str, Variant]:
    """Encode texts, unless that was done before."""
    if not kept.exists():
        start = time.process_time()
        try:
            variants = FAMILIES[family](texts)
        except ImportError as error:
            logger.warning("%s is left out: %s", family, error)
            return {}
        logger.warning("%s: %.0f s of CPU", family, time.process_time() - start)
        described = {
            f"{name}|{one.aim}|{one.size}|{one.pooling}": one.vectors
            for name, one in variants.items()
        }
        np.savez(kept, texts=np.array(texts), **described)
        return variants
    file = np.load(kept)
    assert file["texts"].tolist() == list(texts), f"{kept} holds other texts; delete it"
    found = {}
    for described in file.files:
        if described != "texts":
            name, aim, size, pooling = described.split("|")
            found[name] = Variant(aim, size, pooling, file[described])
    return found


def _cosines(judged: Judged, vectors: Vectors, place: dict[str, int]) -> Floats:
    responses, references = zip(*judged.pairs, strict=True)
    return cosine_rewards(
        vectors[[place[text] for text in responses]], vectors[[place[text] for text in references]]
    )


def _judge(judged: Judged, cosines: Floats, everything: Sequence[Group]) -> dict[str, Any]:
    """Measure the cosine alone, and the default blend with it."""
    responses = [response for response, _ in judged.pairs]
    overlap, agreement = _wording(judged)
    share = SimilarityConfig().number_share
    blend = blended_similarity(cosines, overlap, agreement, number_share=share)
    return {
        "cosine": _measures(judged, clean(cosines, responses), everything),
        "blend": _measures(judged, clean(blend, responses), everything),
    }


@cache
def _wording(judged: Judged) -> tuple[Floats, Floats]:
    responses, references = (list(texts) for texts in zip(*judged.pairs, strict=True))
    overlap = character_overlap(responses, references, SimilarityConfig().recall_weight)
    return overlap, number_agreement(responses, references)


def _measures(judged: Judged, scores: Floats, everything: Sequence[Group]) -> dict[str, Any]:
    sizes = [len(group.responses) for group in judged.groups]
    by_group = np.split(scores[: sum(sizes)], np.cumsum(sizes)[:-1])
    rest = iter(scores[sum(sizes) :].tolist())
    attacked = [{name: next(rest) for name in row.answers} for row in judged.rows]
    found = per_prompt(judged.groups, by_group, judged.rows, attacked)
    return {
        "prompts": {
            name: [round(value, 4) for value in row.tolist()] for name, row in found.items()
        },
        "models": _model_ranking(judged.groups, by_group, everything),
    }


def _model_ranking(
    groups: Sequence[Group], scores: Sequence[Floats], everything: Sequence[Group]
) -> list[float]:
    """Rank the models of GSM8K, self-instruct and Vicuna by their mean scores.

    Returns:
        Mean Spearman's rho with the order of their known quality, and its 95 % interval over prompts; a model's score on Vicuna is
        taken less the mean of the group, since not every model answers against every reference.
    """
    resamples = []
    for place, source in enumerate(("gsm8k", "self_instruct", "vicuna")):
        truth = _known_order(source, everything)
        names = sorted(truth)
        ids = list(dict.fromkeys(group.id for group in groups if group.source == source))
        sums, counts = (np.zeros((len(ids), len(names))) for _ in range(2))
        for group, values in zip(groups, scores, strict=True):
            if group.source == source:
                for name, value in zip(group.names, values - values.mean(), strict=True):
                    sums[ids.index(group.id), names.index(name)] += value
                    counts[ids.index(group.id), names.index(name)] += 1
        draws = np.random.default_rng(place).integers(0, len(ids), (_NUM_RESAMPLES, len(ids)))
        rows = np.vstack([np.arange(len(ids)), draws])
        means = sums[rows].sum(axis=1) / counts[rows].sum(axis=1)
        resamples.append(_spearman(means, np.array([truth[name] for name in names])))
    value, *drawn = np.mean(resamples, axis=0)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return [round(float(number), 4) for number in (value, low, high)]


def _spearman(rows: Floats, known: Floats) -> Floats:
    """Correlate the ranks of each row with those of what is known."""
    ranks, of_known = rankdata(rows, axis=1), rankdata(known)
    ranks, of_known = ranks - ranks.mean(axis=1, keepdims=True), of_known - of_known.mean()
    lengths = np.linalg.norm(ranks, axis=1) * np.linalg.norm(of_known)
    correlations: Floats = ranks @ of_known / lengths
    return correlations


def _known_order(source: str, everything: Iterable[Group]) -> dict[str, float]:
    if source == "self_instruct":
        return {name: float(place) for name, place in SELF_INSTRUCT_ORDER.items()}
    labels: dict[str, list[float]] = {}
    for group in everything:
        if group.source == source:
            for name, label in zip(group.names, group.labels, strict=True):
                labels.setdefault(name, []).append(label)
    return {name: float(np.mean(values)) for name, values in labels.items()}


if __name__ == "__main__":
    main()
