"""The held-out prompts with everybody's answers, as the page's browser reads them."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.comparison.policies import AnsweringPolicy
from rlsr.comparison.result import Comparison
from rlsr.config.reward import RepetitionConfig
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.evaluation.metrics.repetition import NAME as REPETITION
from rlsr.evaluation.metrics.repetition import repetition_rule
from rlsr.rewards.repetition import Span, repeated_spans
from rlsr.runs.rows import HeldoutRow

# Bytes of all texts together; with the library of the charts the page stays under 3 MB.
_TEXT_BYTES = 1_500_000
_CHARACTERS = (8_000, 4_000, 2_000, 1_000, 500)
_DIGITS = 4

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Browser:
    """What the browser is given."""

    data: dict[str, Any]
    """JSON-ready; templates/browser.js reads it."""
    num_prompts: int
    """Prompts that it shows."""
    num_left_out: int
    """Prompts that would have made the page too large."""
    limit: int
    """Characters of a text that are shown."""
    num_cut: int
    """Texts that are longer."""


def browser_data(policies: Sequence[AnsweringPolicy], comparison: Comparison) -> Browser | None:
    """Put the answers of all policies side by side.

    Args:
        policies: Those with answers.
        comparison: Names metrics and baseline.

    Returns:
        The prompts that all policies answered, in the order of the first; None if there are none.
    """
    keys = _common_keys(policies)
    if not keys:
        return None
    rows = [
        {seed: {row.key: row for row in answers} for seed, answers in policy.answers.items()}
        for policy in policies
    ]
    texts = {key: _texts_of(key, rows) for key in keys}
    limit, shown = _fitting(keys, texts)
    pool = _TextPool(limit)
    rules = [_repetition_rule(policy) for policy in policies]
    prompts = [_prompt(key, rows, rules, comparison.metrics, pool) for key in shown]
    names = [policy.name for policy in policies]
    baseline = names.index(comparison.baseline) if comparison.baseline in names else 0
    data = {
        "policies": [
            {"name": policy.name, "seeds": [str(seed) for seed in policy.answers]}
            for policy in policies
        ],
        "seeds": sorted({str(seed) for policy in policies for seed in policy.answers}, key=int),
        "metrics": [_metric(metric) for metric in comparison.metrics],
        "metric": _first_metric(comparison.metrics),
        "baseline": baseline,
        "policy": len(names) - 1 if baseline != len(names) - 1 else 0,
        "texts": pool.texts,
        "prompts": prompts,
    }
    return Browser(data, len(shown), len(keys) - len(shown), limit, pool.num_cut)


def _common_keys(policies: Sequence[AnsweringPolicy]) -> list[Key]:
    answers = [rows for policy in policies for rows in policy.answers.values()]
    if not answers:
        return []
    common = set.intersection(*({row.key for row in rows} for rows in answers))
    return list(dict.fromkeys(row.key for row in answers[0] if row.key in common))


def _texts_of(key: Key, rows: Sequence[dict[int, dict[Key, HeldoutRow]]]) -> set[str]:
    found = [by_key[key] for by_seed in rows for by_key in by_seed.values()]
    return {key[1], *_references(found), *(row.response for row in found)}


def _references(rows: Sequence[HeldoutRow]) -> tuple[str, ...]:
    return rows[0].references or (rows[0].reference,)


def _fitting(keys: Sequence[Key], texts: dict[Key, set[str]]) -> tuple[int, list[Key]]:
    """Choose how much of each text is shown, and, where a little of each is too much already, of how many prompts."""
    for limit in _CHARACTERS:
        if sum(_size(texts[key], limit) for key in keys) <= _TEXT_BYTES:
            return limit, list(keys)
    limit = _CHARACTERS[-1]
    total = np.cumsum([_size(texts[key], limit) for key in keys])
    return limit, list(keys[: max(1, int((total <= _TEXT_BYTES).sum()))])


def _size(texts: set[str], limit: int) -> int:
    return sum(_json_bytes(text[:limit]) for text in texts)


def _json_bytes(text: str) -> int:
    # Inside a page these are written as escapes of six letters.
    escaped = 5 * sum(text.count(letter) for letter in "<>&'")
    written = json.dumps(text, ensure_ascii=False).encode("utf-8", errors="backslashreplace")
    return len(written) + escaped


class _TextPool:
    """Keeps each text once: seeds of an untrained policy, for one, answer alike."""

    def __init__(self, limit: int) -> None:
        self.texts: list[list[Any]] = []
        self.num_cut = 0
        self._limit = limit
        self._places: dict[str, int] = {}

    def add(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.texts)
            rest = max(len(text) - self._limit, 0)
            self.num_cut += rest > 0
            self.texts.append([text[: self._limit], rest] if rest else [text])
        return self._places[text]


def _prompt(
    key: Key,
    rows: Sequence[dict[int, dict[Key, HeldoutRow]]],
    rules: Sequence[RepetitionConfig],
    metrics: Sequence[SharedMetric],
    pool: _TextPool,
) -> dict[str, Any]:
    identifier, prompt, _ = key
    found = [by_key[key] for by_seed in rows for by_key in by_seed.values()]
    return {
        "id": identifier,
        "category": next((row.category for row in found if row.category), None),
        "prompt": pool.add(prompt),
        "references": [pool.add(text) for text in _references(found)],
        "answers": [
            [_answer(by_key[key], rule, metrics, pool) for by_key in by_seed.values()]
            for by_seed, rule in zip(rows, rules, strict=True)
        ],
    }


def _answer(
    row: HeldoutRow, rule: RepetitionConfig, metrics: Sequence[SharedMetric], pool: _TextPool
) -> list[Any]:
    """List the text's place in the pool, the scores by metric, and where a passage is repeated."""
    scores = [_rounded(row.scores.get(metric.name, math.nan)) for metric in metrics]
    spans: tuple[Span, ...] = ()
    if row.scores.get(REPETITION) != 0:
        spans = repeated_spans(
            rule, prompt=row.prompt, response=row.response, reference=row.reference
        )
    answer: list[Any] = [pool.add(row.response), scores]
    return [*answer, [_in_utf16(row.response, span) for span in spans]] if spans else answer


def _in_utf16(text: str, span: Span) -> list[int]:
    """Count as JavaScript does, where a character beyond the basic plane is two."""
    return [end + sum(ord(letter) > 0xFFFF for letter in text[:end]) for end in span]


def _rounded(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _repetition_rule(policy: AnsweringPolicy) -> RepetitionConfig:
    """Take the rule of the run that made the policy; the default one where it has none."""
    reward = policy.last_stage.config.get("reward") if policy.last_stage else None
    return repetition_rule(reward if isinstance(reward, dict) else {})


def _metric(metric: SharedMetric) -> dict[str, Any]:
    described = describe(metric.name)
    return {
        "label": described.label,
        "better": metric.better,
        "digits": described.digits,
        "inReward": metric.in_reward,
    }


def _first_metric(metrics: Sequence[SharedMetric]) -> int:
    """Show first what stands first among the few that a narrow table has room for."""
    ranks = [describe(metric.name).rank for metric in metrics]
    ranked = [(rank, place) for place, rank in enumerate(ranks) if rank is not None]
    return min(ranked)[1] if ranked else 0
