"""The suite ``mt_bench``: MT-bench, two turns of conversation, each graded from 1 to 10.

Zheng et al. 2023 (arXiv 2306.05685), as ``llm_judge`` of github.com/lm-sys/FastChat asks, grades and counts.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.suites.asked import sample, settings_of_suite
from rlsr.evaluation.suites.judged.battles import mean_of_all
from rlsr.evaluation.suites.judged.judge import READS, Judge, open_judge
from rlsr.evaluation.suites.judged.mt_bench_prompts import NAME, Item, read_mt_bench
from rlsr.evaluation.suites.judged.suite import CHARACTERS, JudgedSuite, Progress, Table, Turns
from rlsr.evaluation.suites.suite import Scored
from rlsr.models import Device
from rlsr.remote import Answer
from rlsr.statistics import Estimate, bootstrap_mean

Floats = NDArray[np.float64]

HUB_ID = "HuggingFaceH4/mt_bench_prompts"
MAX_RESPONSE_TOKENS = 1024
_REQUEST = {"max_tokens": 2048, "temperature": 0}
_TURNS = ("turn_1", "turn_2")
_LOWEST, _HIGHEST = 1, 10
_RATINGS = (re.compile(r"\[\[(\d+\.?\d*)\]\]"), re.compile(r"\[(\d+\.?\d*)\]"))


def rating_of(text: str) -> float | None:
    """Read a rating.

    Args:
        text: What the judge wrote.

    Returns:
        The first number in double brackets, or in single ones where there is none; None where that is not from 1 to 10.

    Source:
        ``run_judge_single`` of FastChat's ``llm_judge/common.py``.
    """
    for pattern in _RATINGS:
        found = pattern.search(text)
        if found is not None:
            rating = float(found[1])
            return rating if _LOWEST <= rating <= _HIGHEST else None
    return None


class MtBenchSuite(JudgedSuite[Item]):
    """Asks a policy in two turns, and lets a model grade each.

    Args:
        items: The conversations.
        judge: Who judges; None only writes the answers.
        max_response_tokens: Where an answer is cut.
    """

    name = NAME

    @property
    def answers_in_words(self) -> str:
        """How the answers come about."""
        return "two turns, greedy or drawn by category"

    def asked(self, asker: Asker) -> list[Turns]:
        """Let a policy answer both turns, at the temperature of their category.

        Args:
            asker: The policy.
        """
        answers: list[list[str]] = [[] for _ in self._items]
        temperatures = sorted({item.temperature for item in self._items})
        done = 0
        for turn in range(2):
            for temperature in temperatures:
                rows = [row for row, item in enumerate(self._items) if item.temperature == temperature]  # fmt: skip
                found = asker.answer(
                    [self._items[row].conversation(answers[row]) for row in rows],
                    max_response_tokens=self.max_response_tokens,
                    temperature=temperature,
                    draw=turn,
                    on_progress=_from(asker.on_progress, done, 2 * len(self._items)),
                )
                done += len(rows)
                for row, answer in zip(rows, found, strict=True):
                    answers[row].append(answer.text)
        return [tuple(both) for both in answers]

    def written(self, turns: Sequence[Turns], model: str) -> list[Table]:
        """Write answers as a file of FastChat's ``model_answer/``.

        Args:
            turns: One a conversation.
            model: What the policy is called.
        """
        return [
            {"question_id": _number_of(item.id), "model_id": model, "choices": [{"index": 0, "turns": list(both)}]}
            for item, both in zip(self._items, turns, strict=True)
        ]  # fmt: skip

    def turns_of(self, table: Table) -> Turns:
        """Read the answers to one conversation.

        Args:
            table: As ``written`` returned it.
        """
        first, second = table["choices"][0]["turns"]
        return first, second

    def judged(
        self, turns: Sequence[Turns], judge: Judge | None, on_progress: Progress = None
    ) -> Scored:
        """Score answers.

        Args:
            turns: One a conversation.
            judge: Who judges; without one only lengths are counted.
            on_progress: Told how many questions the judge has answered, of how many.

        Returns:
            ``rating``: the mean of the two turns, or that of them which is scored; ``turn_1`` and ``turn_2``; ``characters`` of both
            answers. Texts: the second answer and the verdicts.
        """
        characters = [float(sum(map(len, both))) for both in turns]
        second = {"second_response": [both[1] for both in turns]}
        if judge is None:
            return Scored({CHARACTERS: characters}, second)
        pairs = [item.questions(both) for item, both in zip(self._items, turns, strict=True)]
        answers = judge.ask([question for pair in pairs for question in pair], on_progress)
        ratings = [_rating(answer) for answer in answers]
        judge.tell_unread(answers, [rating is not None for rating in ratings])
        verdicts = [judge.redacted(answer.text) for answer in answers]
        return Scored(
            {
                "rating": [_mean(pair) for pair in zip(ratings[::2], ratings[1::2], strict=True)],
                "turn_1": ratings[::2],
                "turn_2": ratings[1::2],
                CHARACTERS: characters,
            },
            {**second, "verdict_1": verdicts[::2], "verdict_2": verdicts[1::2]},
        )

    def estimates(
        self,
        responses: Sequence[str],
        scores: Mapping[str, Floats],
        texts: Mapping[str, Sequence[str | None]],
        *,
        confidence: float,
        num_resamples: int,
    ) -> Mapping[str, Estimate]:
        """Average the ratings over all turns, as FastChat does, and by category.

        Args:
            responses: One a conversation.
            scores: By metric one number a conversation.
            texts: Are not looked at.
            confidence: Level of the intervals.
            num_resamples: Bootstrap resamples of the conversations.

        Returns:
            ``rating``, and ``rating_CATEGORY`` where there are several.
        """
        if "rating" not in scores:
            return {}
        both = np.stack([scores[turn] for turn in _TURNS])
        sums, counts = np.nansum(both, axis=0), (~np.isnan(both)).sum(axis=0).astype(np.float64)
        options: dict[str, Any] = {"confidence": confidence, "num_resamples": num_resamples}
        categories = np.array([item.category for item in self._items])
        names = dict.fromkeys(item.category for item in self._items)
        return {
            "rating": mean_of_all(sums[counts > 0], counts[counts > 0], **options),
            **{
                f"rating_{name}": bootstrap_mean(scores["rating"][categories == name], **options)
                for name in (names if len(names) > 1 else [])
            },
        }


def open_mt_bench(config: RunConfig, dataset: Dataset, device: Device) -> MtBenchSuite:
    """Read the conversations, and open the judge.

    Args:
        config: The config of a run: ``evaluation.suites.mt_bench``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        ConfigError: No judge is named, or its key is not set.
        MissingPackageError: requests is not installed.
        DataError: The conversations or the references cannot be read.
    """
    settings = settings_of_suite(config, NAME, reads=(*READS, "answers"))
    judge = open_judge(NAME, settings, _REQUEST)
    items = sample(read_mt_bench(settings.path or HUB_ID, settings.answers), settings.num_prompts)
    return MtBenchSuite(items, judge, settings.max_response_tokens or MAX_RESPONSE_TOKENS)


def _rating(answer: Answer) -> float | None:
    return None if answer.text is None else rating_of(answer.text)


def _mean(ratings: Sequence[float | None]) -> float | None:
    scored = [rating for rating in ratings if rating is not None]
    return sum(scored) / len(scored) if scored else None


def _number_of(name: str) -> int | str:
    """Write an id as FastChat does, who numbers conversations."""
    return int(name) if name.isdecimal() else name


def _from(on_progress: Progress, done: int, total: int) -> Progress:
    """Tell of a part as of the whole."""
    if on_progress is None:
        return None
    return lambda so_far, _: on_progress(done + so_far, total)
