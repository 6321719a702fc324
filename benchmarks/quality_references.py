"""Prompts with several references: is the best or the mean of the similarities to them the better reward?

Answers are ranked by their similarity to the first reference alone, to the closest one, and by the mean over all. References
are what the sets have to offer: other right solutions, other correct answers, the answers of other models. An answer that is
ranked is never one of the references that it is compared to.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from quality_attacks import CORE, FACTS, HONEST, AttackedRow
from quality_data import Group
from quality_scorers import Pairs, Scorer, clean
from quality_statistics import SELF_INSTRUCT_PAIRS, Resampled, interval, paired, resampled, win

QUALITY = ("gsm8k", "truthfulqa", "vicuna", "self_instruct, a good second")
"""Where all references are good; ``quality`` is their mean."""
SETS = (
    *QUALITY,
    "self_instruct, a middling second",
    "self_instruct, a poor second",
    "core",
    "facts",
)
RULES: dict[str, Callable[[Sequence[float]], float]] = {
    "first": lambda scores: scores[0],
    "best": max,
    "mean": lambda scores: float(np.mean(scores)),
}
_DIFFERENCES = (("best", "first"), ("mean", "first"), ("mean", "best"))

_SECONDS = {
    "self_instruct, a good second": ("text-davinci-002", "text-davinci-003"),
    "self_instruct, a middling second": ("text-davinci-001",),
    "self_instruct, a poor second": ("davinci", "davinci-t0-ft", "davinci-superni-ft"),
}
_VICUNA_REFERENCES = ("gpt35", "bard", "vicuna-13b")


@dataclass(frozen=True)
class Ranking:
    """Answers to one prompt, and the references that they are compared to."""

    source: str
    """The set it comes from; one of ``SETS``."""
    id: str
    """Names the prompt, which may have several rankings."""
    references: tuple[str, ...]
    """At least two; the first one is that of the prompt where only one is taken."""
    pairs: tuple[tuple[str, str], ...]
    """A better and a worse answer each; none of them a reference."""


def rankings(groups: Sequence[Group], rows: Sequence[AttackedRow]) -> list[Ranking]:
    """Find the prompts that have several references.

    Args:
        groups: Prompts with answers of known quality.
        rows: Prompts with attacked answers.

    Returns:
        In the order of the sets.
    """
    found = [
        *_leave_one_out(groups, "gsm8k"),
        *_leave_one_out(groups, "truthfulqa"),
        *_vicuna(groups),
        *_self_instruct(groups),
        *_attacked(groups, rows),
    ]
    return [ranking for ranking in found if len(ranking.references) > 1 and ranking.pairs]


def reference_tables(scorers: dict[str, Scorer], found: Sequence[Ranking]) -> list[str]:
    """Compare the rules.

    Args:
        scorers: Similarities by name; the first one gets a table of its own.
        found: What ``rankings`` returned.

    Returns:
        Lines of Markdown.
    """
    columns = [*RULES, *(f"{one} - {other}" for one, other in _DIFFERENCES)]
    first, *_ = results = {
        name: _resampled_sets(_by_prompt(_table(scorer, found), found))
        for name, scorer in scorers.items()
    }
    lines = [_row(first, columns), _rule(len(columns))]
    for name in ("quality", *SETS):
        by_rule = results[first][name]
        cells = [str(interval(by_rule[rule])) for rule in RULES]
        cells += [str(paired(by_rule[one], by_rule[other])) for one, other in _DIFFERENCES]
        lines.append(_row(f"{name}{_counts(found, name)}", cells))
    lines += ["", _row("mean - best", scorers), _rule(len(scorers))]
    for name in ("quality", *SETS):
        parts = [results[scorer][name] for scorer in scorers]
        lines.append(_row(name, [str(paired(part["mean"], part["best"])) for part in parts]))
    return lines


def _leave_one_out(groups: Iterable[Group], source: str) -> list[Ranking]:
    """Compare every right answer with all wrong ones, and both with the reference and the other right answers."""
    found = []
    for group in groups:
        if group.source != source:
            continue
        answers = list(zip(group.responses, group.labels, strict=True))
        right = list(dict.fromkeys(text for text, label in answers if label))
        wrong = [text for text, label in answers if not label]
        for text in right:
            references = dict.fromkeys(
                [group.reference, *(other for other in right if other != text)]
            )
            if text not in references:
                pairs = tuple((text, worse) for worse in wrong if worse not in references)
                found.append(Ranking(source, group.id, tuple(references), pairs))
    return found


def _vicuna(groups: Iterable[Group]) -> list[Ranking]:
    """Take two of three models for the references, in either order, and rank the other models by GPT-4's scores."""
    answers: dict[str, dict[str, tuple[str, float]]] = {}
    for group in groups:
        if group.source == "vicuna":
            named = zip(group.names, zip(group.responses, group.labels, strict=True), strict=True)
            answers.setdefault(group.id, {}).update(named)
    return [
        Ranking(
            "vicuna", key, tuple(by_name[name][0] for name in references),
            _ordered([judged for name, judged in by_name.items() if name not in references]),
        )
        for key, by_name in answers.items()
        for references in permutations(_VICUNA_REFERENCES, 2)
    ]  # fmt: skip


def _ordered(judged: Sequence[tuple[str, float]]) -> tuple[tuple[str, str], ...]:
    return tuple((better, worse) for better, high in judged for worse, low in judged if high > low)


def _self_instruct(groups: Iterable[Group]) -> list[Ranking]:
    """Put the answer of one of the eight models beside the human reference, and rank the others."""
    found = []
    for group in groups:
        if group.source != "self_instruct":
            continue
        by_name = dict(zip(group.names, group.responses, strict=True))
        for source, seconds in _SECONDS.items():
            for second in seconds:
                pairs = [pair for pair in SELF_INSTRUCT_PAIRS if second not in pair]
                references = (group.reference, by_name[second])
                if by_name[second].strip() and references[0] != references[1]:
                    texts = tuple((by_name[one], by_name[other]) for one, other in pairs)
                    found.append(Ranking(source, group.id, references, texts))
    return found


def _attacked(groups: Sequence[Group], rows: Iterable[AttackedRow]) -> list[Ranking]:
    """Rank honest answers above what attacks made of them, beside the other good answers as references."""
    good: dict[tuple[str, str], list[str]] = {}
    for group in groups:
        good.setdefault((group.source, group.id), []).extend(_good_answers(group))
    found = []
    for row in rows:
        honest = row.answers[HONEST]
        others = (text for text in good[row.source, row.id] if text != honest and text.strip())
        references = tuple(dict.fromkeys([row.reference, *others]))
        for kind, attacks in (("core", CORE), ("facts", FACTS)):
            made = (row.answers[attack] for attack in attacks if attack in row.answers)
            pairs = tuple((honest, text) for text in made if text not in references)
            found.append(Ranking(kind, f"{row.source} {row.id}", references, pairs))
    return found


def _good_answers(group: Group) -> list[str]:
    answers = zip(group.names, group.responses, group.labels, strict=True)
    if group.source == "vicuna":
        return [text for name, text, _ in answers if name in ("gpt35", "bard")]
    if group.source == "self_instruct":
        return [text for name, text, _ in answers if name == "text-davinci-002"]
    return [text for _, text, label in answers if label and group.source == "gsm8k"]


def _table(scorer: Scorer, found: Sequence[Ranking]) -> dict[tuple[str, str], float]:
    """Score every answer against every reference that it meets."""
    texts = dict.fromkeys(
        (answer, reference)
        for ranking in found
        for pair in ranking.pairs
        for answer in pair
        for reference in ranking.references
    )
    answers, references = zip(*texts, strict=True)
    scores = clean(scorer(Pairs(answers, references, [""] * len(texts))), answers)
    return dict(zip(texts, scores.tolist(), strict=True))


def _by_prompt(
    table: dict[tuple[str, str], float], found: Sequence[Ranking]
) -> dict[str, dict[str, list[list[float]]]]:
    """Give the share of pairs that each rule ranks rightly, by set and prompt; a ranking has one number a rule."""
    shares: dict[str, dict[str, list[list[float]]]] = {name: {} for name in SETS}
    for ranking in found:
        values = [
            np.mean([
                win(*(round(rule([table[text, reference] for reference in ranking.references]), 6) for text in pair))
                for pair in ranking.pairs
            ])
            for rule in RULES.values()
        ]  # fmt: skip
        shares[ranking.source].setdefault(ranking.id, []).append([float(value) for value in values])
    return shares


def _resampled_sets(
    shares: dict[str, dict[str, list[list[float]]]],
) -> dict[str, dict[str, Resampled]]:
    """Resample the prompts of every set, the same for every rule."""
    found: dict[str, dict[str, Resampled]] = {}
    for place, (name, by_id) in enumerate(shares.items()):
        values = np.array([np.mean(ranked, axis=0) for ranked in by_id.values()])
        found[name] = {
            rule: resampled(values[:, column], seed=place) for column, rule in enumerate(RULES)
        }
    found["quality"] = {
        rule: (
            float(np.mean([found[name][rule][0] for name in QUALITY])),
            np.mean([found[name][rule][1] for name in QUALITY], axis=0),
        )
        for rule in RULES
    }
    return found


def _counts(found: Sequence[Ranking], name: str) -> str:
    chosen = [ranking for ranking in found if ranking.source == name]
    if not chosen:
        return ""
    mean = np.mean([len(ranking.references) for ranking in chosen])
    return f" ({len({ranking.id for ranking in chosen})} prompts, {mean:.1f} references)"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def _rule(count: int) -> str:
    return f"|{'---|' * (count + 1)}"
