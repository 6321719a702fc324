"""Answers of known quality to prompts with a reference, split by prompt into the half for choosing and the half for judging."""

import gzip
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Half = Literal["A", "B"]

SELF_INSTRUCT_ORDER = {
    "davinci": 0,
    "davinci-t0-ft": 1,
    "davinci-superni-ft": 2,
    "davinci-self-instruct": 3,
    "davinci-self-instruct-and-superni-ft": 3,
    "text-davinci-001": 4,
    "text-davinci-002": 5,
    "text-davinci-003": 6,
}
"""The order of the human evaluation in arXiv 2212.10560, from memory."""

_NUM_DRAWN = 300
_DRAWN = slice(_NUM_DRAWN)
_NUM_ARENA_FIRST = 200
_MAX_CHARACTERS = 2000  # davinci without fine-tuning does not stop by itself


@dataclass(frozen=True)
class Group:
    """One prompt with its reference and several answers."""

    source: str
    """The set it comes from."""
    id: str
    """Names the prompt; Vicuna's come three times, each time with another model's answer as the reference."""
    half: Half
    """A for choosing, B for judging."""
    prompt: str
    """Empty for self-instruct, whose file has none."""
    reference: str
    """What answers are compared to."""
    responses: tuple[str, ...]
    """The answers."""
    names: tuple[str, ...]
    """Who wrote each."""
    labels: tuple[float, ...]
    """How good each is; comparable within the prompt only."""


def load_groups(directory: Path) -> list[Group]:
    """Read all five sets.

    Args:
        directory: Holds the gzip files.

    Returns:
        Groups in a fixed order.
    """
    return [
        *_gsm8k(_read(directory, "gsm8k_model_solutions_labelled")),
        *_self_instruct(_read(directory, "self_instruct_model_outputs_252x8")),
        *_vicuna(_read(directory, "vicuna80_answers_gpt4_pair_scores")),
        *_truthfulqa(_read(directory, "truthfulqa_817")),
        *_arena(_read(directory, "arena_hard_v01_500")),
    ]


def load_unseen(directory: Path) -> list[Group]:
    """Read prompts of those sets that have more than ``load_groups`` draws, as many again and a third.

    Args:
        directory: Holds the gzip files.

    Returns:
        Groups of GSM8K and TruthfulQA, none of which ``load_groups`` returns.
    """
    later = slice(_NUM_DRAWN, 2 * _NUM_DRAWN + _NUM_DRAWN // 3)
    return [
        *_gsm8k(_read(directory, "gsm8k_model_solutions_labelled"), later),
        *_truthfulqa(_read(directory, "truthfulqa_817"), later),
    ]


def _read(directory: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(directory / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _halves(ids: Iterable[str]) -> dict[str, Half]:
    ordered = sorted(ids)
    random.Random(0).shuffle(ordered)
    return {key: "A" if place < len(ordered) // 2 else "B" for place, key in enumerate(ordered)}


def _by(rows: Sequence[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _gsm8k(rows: Sequence[dict[str, Any]], drawn: slice = _DRAWN) -> list[Group]:
    """Four models' solutions to a problem, right or wrong."""
    by_prompt = _by(rows, "prompt")
    prompts = sorted(by_prompt)
    random.Random(1).shuffle(prompts)
    prompts = prompts[drawn]
    halves = _halves(prompts)
    return [
        Group(
            "gsm8k", prompt, halves[prompt], prompt, answers[0]["reference"],
            tuple(row["response"] for row in answers), tuple(row["model"] for row in answers),
            tuple(float(row["is_correct"]) for row in answers),
        )
        for prompt in prompts
        for answers in [by_prompt[prompt]]
    ]  # fmt: skip


def _self_instruct(rows: Sequence[dict[str, Any]]) -> list[Group]:
    """Eight models of known order; the references were written by people."""
    by_id = _by(rows, "id")
    halves = _halves(by_id)
    return [
        Group(
            "self_instruct", key, halves[key], "", answers[0]["reference"],
            tuple(row["response"][:_MAX_CHARACTERS] for row in answers),
            tuple(row["model"] for row in answers),
            tuple(float(SELF_INSTRUCT_ORDER[row["model"]]) for row in answers),
        )
        for key, answers in by_id.items()
    ]  # fmt: skip


def _vicuna(rows: Sequence[dict[str, Any]]) -> list[Group]:
    """Four models' answers with the difference between GPT-4's scores of each and of vicuna-13b."""
    halves = _halves(row["id"] for row in rows)
    groups = []
    for reference in ("gpt35", "bard", "vicuna-13b"):
        for row in rows:
            pairs = row["gpt4_pair_scores_vs_vicuna13b"]
            quality = {model: float(own - vicuna) for model, (own, vicuna) in pairs.items()}
            quality["vicuna-13b"] = 0.0
            names = [name for name in _models(row["answers"]) if name != reference]
            groups.append(
                Group(
                    "vicuna", row["id"], halves[row["id"]], row["prompt"], row["answers"][reference],
                    tuple(row["answers"][name] for name in names), tuple(names),
                    tuple(quality[name] for name in names),
                )
            )  # fmt: skip
    return groups


def _models(answers: dict[str, str]) -> list[str]:
    return [*sorted(set(answers) - {"gpt35"}), "gpt35"]


def _truthfulqa(rows: Sequence[dict[str, Any]], drawn: slice = _DRAWN) -> list[Group]:
    """Correct and incorrect answers beside the best one."""
    mixed = list(rows)
    random.Random(1).shuffle(mixed)
    mixed = mixed[drawn]
    halves = _halves(row["prompt"] for row in mixed)
    groups = []
    for row in mixed:
        best = row["response"].strip().lower()
        correct = [text for text in row["correct"] if text.strip().lower() != best]
        incorrect = row["incorrect"]
        if correct and incorrect:
            groups.append(
                Group(
                    "truthfulqa", row["prompt"], halves[row["prompt"]], row["prompt"], row["response"],
                    (*correct, *incorrect), ("correct",) * len(correct) + ("incorrect",) * len(incorrect),
                    (1.0,) * len(correct) + (0.0,) * len(incorrect),
                )
            )  # fmt: skip
    return groups


def _arena(rows: Sequence[dict[str, Any]]) -> list[Group]:
    """A stronger and a weaker model against a third as the reference: 200 drawn first, the others added later."""
    usable = list(rows)
    random.Random(1).shuffle(usable)
    usable = [row for row in usable if len(row["others"]) == 2 and row["response"].strip()]
    first = usable[:_NUM_ARENA_FIRST]
    halves = _halves(row["uid"] for row in first)
    drawn = {row["uid"] for row in first}
    later = [
        row
        for row in rows
        if row["uid"] not in drawn and len(row["others"]) == 2 and row["response"].strip()
    ]
    random.Random(2).shuffle(later)
    for place, row in enumerate(later):
        halves[row["uid"]] = "A" if place % 2 == 0 else "B"
    names = ("gpt-4-0613", "gpt-3.5-turbo-0125")
    return [
        Group(
            "arena", row["uid"], halves[row["uid"]], row["prompt"], row["response"],
            tuple(row["others"][name] for name in names), names, (1.0, 0.0),
        )
        for row in [*first, *later]
    ]  # fmt: skip
