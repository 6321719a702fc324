"""Which similarity ranks answers rightly and is hard to fool? The tables of reward-quality.md.

    python benchmarks/reward_quality.py --data DIR --out tables.md
    python benchmarks/reward_quality.py --data DIR --out tables.md --references   # prompts with several references

DIR holds the gzip JSON lines that quality_data.py reads. Encodes some 6,000 texts with MiniLM: minutes on one core.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from quality_attacks import CORE, FACTS, HONEST, AttackedRow, attacked_rows
from quality_data import Group, Half, load_groups
from quality_references import rankings, reference_tables
from quality_scorers import DEFAULT, Floats, Pairs, Scorer, all_scorers, clean
from quality_statistics import MEASURES, bootstrap, interval, paired, per_prompt, win

from rlsr.embeddings import ReferenceCache, load_named_embedder

SHOWN_ATTACKS = 5
"""Scorers of the table of attacks: those that ship, and length."""
_NUM_TIMED = 64
_NUM_TRIES = 3


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="directory with the gzip files")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--half", choices=["A", "B"], default="B", help="prompts to judge on")
    parser.add_argument(
        "--references", action="store_true", help="compare rules for several references"
    )
    arguments = parser.parse_args()
    everything = load_groups(arguments.data)
    if arguments.references:
        lines = _reference_lines(everything)
    else:
        lines = _similarity_lines(everything, arguments.half)
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _reference_lines(everything: Sequence[Group]) -> list[str]:
    """Compare the rules by the similarities that ship, the default first, on both halves: nothing was chosen on either."""
    scorers = all_scorers(_cache("builtin:minilm"), _cache("builtin:wordllama"), {})
    names = (DEFAULT, *(name for name in list(scorers)[: SHOWN_ATTACKS - 1] if name != DEFAULT))
    found = rankings(everything, attacked_rows(everything))
    return reference_tables({name: scorers[name] for name in names}, found)


def _similarity_lines(everything: Sequence[Group], half: Half) -> list[str]:
    groups = [group for group in everything if group.half == half]
    rows = [row for row in attacked_rows(everything) if row.half == half]
    fitted_on: dict[str, list[str]] = {}
    for group in everything:
        if group.half == "A":
            fitted_on.setdefault(group.source, []).append(group.reference)
    scorers = all_scorers(_cache("builtin:minilm"), _cache("builtin:wordllama"), fitted_on)
    return [_counts(groups, rows), *_tables(scorers, groups, rows), *_costs(fitted_on, groups)]


def _cache(model: str) -> ReferenceCache:
    return ReferenceCache(load_named_embedder(model, "cpu"), None)


def _counts(groups: Sequence[Group], rows: Sequence[AttackedRow]) -> str:
    prompts: dict[str, set[str]] = {}
    for group in groups:
        prompts.setdefault(group.source, set()).add(group.id)
    counts = ", ".join(f"{source} {len(ids)}" for source, ids in prompts.items())
    answers = sum(len(group.responses) for group in groups)
    attacks = sum(len(row.answers) - 1 for row in rows)
    return (
        f"{counts} prompts with {answers} answers; {attacks} attacks on {len(rows)} honest answers."
    )


def _tables(
    scorers: dict[str, Scorer], groups: Sequence[Group], rows: Sequence[AttackedRow]
) -> list[str]:
    resampled, attacks = {}, {}
    for name, scorer in scorers.items():
        scores = _group_scores(scorer, groups)
        attacked = _attack_scores(scorer, rows)
        resampled[name] = bootstrap(per_prompt(groups, scores, rows, attacked))
        attacks[name] = _shares_of_wins(attacked)
    lines = ["", *_row("similarity", MEASURES), *_rule(len(MEASURES))]
    for name, parts in resampled.items():
        lines += _row(name, [str(interval(parts[measure])) for measure in MEASURES])
    lines += ["", *_row(f"{DEFAULT}, minus", MEASURES), *_rule(len(MEASURES))]
    for name, parts in resampled.items():
        if name != DEFAULT:
            default = resampled[DEFAULT]
            lines += _row(
                name, [str(paired(default[measure], parts[measure])) for measure in MEASURES]
            )
    shown = list(attacks)[:SHOWN_ATTACKS]
    lines += ["", *_row("attack (rows)", shown), *_rule(len(shown))]
    for attack in ("empty", *CORE, *FACTS):
        number = sum(attack in row.answers for row in rows)
        lines += _row(f"{attack} ({number})", [f"{attacks[name][attack]:.2f}" for name in shown])
    return lines


def _group_scores(scorer: Scorer, groups: Sequence[Group]) -> list[Floats]:
    pairs = Pairs(
        [text for group in groups for text in group.responses],
        [group.reference for group in groups for _ in group.responses],
        [group.source for group in groups for _ in group.responses],
    )
    scores = clean(scorer(pairs), pairs.responses)
    return np.split(scores, np.cumsum([len(group.responses) for group in groups])[:-1])


def _attack_scores(scorer: Scorer, rows: Sequence[AttackedRow]) -> list[dict[str, float]]:
    pairs = Pairs(
        [text for row in rows for text in row.answers.values()],
        [row.reference for row in rows for _ in row.answers],
        [row.source for row in rows for _ in row.answers],
    )
    scores = iter(clean(scorer(pairs), pairs.responses).tolist())
    return [{name: next(scores) for name in row.answers} for row in rows]


def _shares_of_wins(attacked: Sequence[dict[str, float]]) -> dict[str, float]:
    """Count for each attack the prompts whose honest answer wins."""
    names = {name for row in attacked for name in row if name != HONEST}
    return {
        name: float(np.mean([win(row[HONEST], row[name]) for row in attacked if name in row]))
        for name in names
    }


def _costs(fitted_on: dict[str, list[str]], groups: Sequence[Group]) -> list[str]:
    """Time the scoring of 64 answers whose references are known."""
    lines: list[str] = []
    names: list[str] = []
    for source in ("self_instruct", "vicuna"):
        pairs = _first_pairs([group for group in groups if group.source == source])
        mean_words = np.mean([len(text.split()) for text in pairs.responses])
        costs = _milliseconds(pairs, fitted_on)
        if not lines:
            names = list(costs)
            lines = ["", *_row("ms CPU a response", names), *_rule(len(names))]
        lines += _row(f"{source}, {mean_words:.0f} words", [f"{costs[name]:.2f}" for name in names])
    return lines


def _first_pairs(groups: Sequence[Group]) -> Pairs:
    rows = [(text, group.reference, group.source) for group in groups for text in group.responses]
    responses, references, sources = zip(*rows[:_NUM_TIMED], strict=True)
    return Pairs(responses, references, sources)


def _milliseconds(pairs: Pairs, fitted_on: dict[str, list[str]]) -> dict[str, float]:
    found: dict[str, float] = {}
    embedders = [load_named_embedder(f"builtin:{name}", "cpu") for name in ("minilm", "wordllama")]
    for place in list(range(SHOWN_ATTACKS - 1)) * _NUM_TRIES:
        # New each time: the vectors of the responses must not be remembered, those of the references must.
        minilm, wordllama = (ReferenceCache(embedder, None) for embedder in embedders)
        minilm.encode(pairs.references)
        wordllama.encode(pairs.references)
        name, scorer = list(all_scorers(minilm, wordllama, fitted_on).items())[place]
        start = time.process_time()
        scorer(pairs)
        cost = 1000 * (time.process_time() - start) / len(pairs.responses)
        found[name] = min(cost, found.get(name, cost))
    return found


def _row(name: str, cells: Iterable[str]) -> list[str]:
    return [f"| {' | '.join([name, *cells])} |"]


def _rule(count: int) -> list[str]:
    return [f"|{'---|' * (count + 1)}"]


if __name__ == "__main__":
    main()
