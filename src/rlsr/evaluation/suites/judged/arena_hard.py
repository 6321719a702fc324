"""The suite ``arena_hard``: Arena-Hard v0.1 and v2.0, whose judge compares a policy's answers with a baseline's, in both orders.

Li et al. 2024 (arXiv 2406.11939), as github.com/lmarena/arena-hard-auto judges and counts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.errors import ConfigError
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.suites.asked import sample, settings_of_suite
from rlsr.evaluation.suites.judged.arena_hard_prompts import (
    NAME,
    Item,
    answer_of,
    read_arena_hard,
    with_baselines,
)
from rlsr.evaluation.suites.judged.battles import Battles, as_the_leaderboard, label_of, mean_of_all
from rlsr.evaluation.suites.judged.judge import READS, Judge, open_judge
from rlsr.evaluation.suites.judged.style_control import controlled, style_differences
from rlsr.evaluation.suites.judged.suite import (
    CHARACTERS,
    FIRST_PLACE,
    JudgedSuite,
    Progress,
    Table,
    Turns,
    answered_once,
)
from rlsr.evaluation.suites.suite import Scored
from rlsr.models import Device
from rlsr.remote import Answer
from rlsr.statistics import Estimate
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.resamples import resamples

Floats = NDArray[np.float64]

MAX_RESPONSE_TOKENS = 4096
TEMPERATURE = 0.0
_REQUEST = {"max_tokens": 16_000, "temperature": 0}
"""As v2.0 asks gpt-4.1."""
_STYLE_RESAMPLES = 1000
"""At most, since each fits a regression."""


class ArenaHardSuite(JudgedSuite[Item]):
    """Lets a model compare a policy's answers with those of a baseline, in both orders.

    Args:
        items: The prompts, each with a baseline.
        judge: Who judges; None only writes the answers.
        max_response_tokens: Where an answer is cut.
    """

    name = NAME

    @property
    def answers_in_words(self) -> str:
        """How the answers come about."""
        return "greedy responses"

    def asked(self, asker: Asker) -> list[Turns]:
        """Let a policy answer the prompts greedily, as Arena-Hard does.

        Args:
            asker: The policy.
        """
        return answered_once(
            asker,
            self.records,
            max_response_tokens=self.max_response_tokens,
            temperature=TEMPERATURE,
        )

    def written(self, turns: Sequence[Turns], model: str) -> list[Table]:
        """Write answers as a file of ``model_answer/``.

        Args:
            turns: One a prompt.
            model: What the policy is called.
        """
        return [
            {
                "uid": item.uid, "model": model,
                "messages": [{"role": "user", "content": item.prompt}, {"role": "assistant", "content": {"answer": text}}],
            }
            for item, (text,) in zip(self._items, turns, strict=True)
        ]  # fmt: skip

    def turns_of(self, table: Table) -> Turns:
        """Read one answer.

        Args:
            table: As ``written`` returned it.
        """
        return (answer_of(table, f"{NAME}-answers"),)

    def judged(
        self, turns: Sequence[Turns], judge: Judge | None, on_progress: Progress = None
    ) -> Scored:
        """Score answers.

        Args:
            turns: One a prompt.
            judge: Who judges; without one only lengths are counted.
            on_progress: Told how many questions the judge has answered, of how many.

        Returns:
            ``score``: the share of a prompt's battles that the policy has won; ``first_place``: that of whichever answer came first;
            unscored where one of the two verdicts is missing. ``characters`` of the answer. Texts: the verdicts and their labels.
        """
        characters = [float(len(text)) for (text,) in turns]
        if judge is None:
            return Scored({CHARACTERS: characters})
        questions = [
            question
            for item, record, (text,) in zip(self._items, self.records, turns, strict=True)
            for question in (
                item.question(record.reference, text),
                item.question(text, record.reference),
            )
        ]
        answers = judge.ask(questions, on_progress)
        labels = [_label(answer) for answer in answers]
        judge.tell_unread(answers, [label is not None for label in labels])
        found = [_battles(*pair) for pair in zip(labels[::2], labels[1::2], strict=True)]
        verdicts = [judge.redacted(answer.text) for answer in answers]
        return Scored(
            {
                "score": [None if one is None else one.won / one.number for one in found],
                FIRST_PLACE: [None if one is None else one.first_place for one in found],
                CHARACTERS: characters,
            },
            {
                "label": labels[::2],
                "label_swapped": labels[1::2],
                "verdict": verdicts[::2],
                "verdict_swapped": verdicts[1::2],
            },
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
        """Count battles: over all prompts, where a clear verdict counts more, by category, and with the style controlled.

        Args:
            responses: One a prompt.
            scores: By metric one number a prompt.
            texts: The labels among them.
            confidence: Level of the intervals.
            num_resamples: Bootstrap resamples of the prompts.

        Returns:
            ``score``, ``score_CATEGORY`` where there are several, and ``style_controlled_score``.
        """
        if "label" not in texts:
            return {}
        found = [_battles(*pair) for pair in zip(texts["label"], texts["label_swapped"], strict=True)]  # fmt: skip
        won = np.array([0.0 if one is None else one.won for one in found])
        battles = np.array([0.0 if one is None else one.number for one in found])
        options: dict[str, Any] = {"confidence": confidence, "num_resamples": num_resamples}
        categories = np.array([item.category for item in self._items])
        names = sorted(set(categories))
        by_category = {
            f"score_{name}": mean_of_all(*_of(won, battles, categories == name), **options)
            for name in (names if len(names) > 1 else [])
        }
        baselines = [record.reference for record in self.records]
        return {
            "score": mean_of_all(*_of(won, battles, battles > 0), **options),
            **by_category,
            "style_controlled_score": _controlled(
                style_differences(responses, baselines), won, battles, **options
            ),
        }

    def remarks(
        self, scores: Mapping[str, Floats], texts: Mapping[str, Sequence[str | None]]
    ) -> Sequence[str]:
        """Write the score as the leaderboard does.

        Args:
            scores: Are not looked at.
            texts: The labels among them.
        """
        outcomes = [
            outcome for one in _counted(texts) if one is not None for outcome in one.outcomes
        ]
        if not outcomes:
            return ()
        here = as_the_leaderboard(outcomes)
        below, above = 100 * (here.mean - here.low), 100 * (here.high - here.mean)
        return [
            f"as the leaderboard writes the score: {100 * here.mean:.1f} (-{below:.1f} / +{above:.1f}), over {here.num} battles"
        ]


def open_arena_hard(config: RunConfig, dataset: Dataset, device: Device) -> ArenaHardSuite:
    """Read the prompts with the baseline's answers, and open the judge.

    Args:
        config: The config of a run: ``evaluation.suites.arena_hard``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        ConfigError: No judge or no file is named, or the judge's key is not set.
        MissingPackageError: requests is not installed.
        DataError: The prompts or the answers cannot be read.
    """
    settings = settings_of_suite(config, NAME, reads=(*READS, "answers"))
    judge = open_judge(NAME, settings, _REQUEST)
    if settings.path is None:
        raise ConfigError(
            f"evaluation.suites.{NAME}.path: the prompts must be given, got none: --suite {NAME}=question.jsonl of "
            "data/arena-hard-v2.0 or data/arena-hard-v0.1 (git clone https://huggingface.co/datasets/lmarena-ai/arena-hard-auto), with "
            "model_answer/ beside it"
        )
    items = sample(read_arena_hard(settings.path), settings.num_prompts)
    items = with_baselines(items, settings.path, settings.answers)
    return ArenaHardSuite(items, judge, settings.max_response_tokens or MAX_RESPONSE_TOKENS)


def _label(answer: Answer) -> str | None:
    return None if answer.text is None else label_of(answer.text)


def _battles(policy_second: str | None, policy_first: str | None) -> Battles | None:
    """Count two verdicts; None where one is missing, as the authors leave such a prompt out."""
    if policy_second is None or policy_first is None:
        return None
    return Battles(policy_second, policy_first)


def _counted(texts: Mapping[str, Sequence[str | None]]) -> list[Battles | None]:
    """Count the verdicts that are kept; none where nothing was judged."""
    if "label" not in texts:
        return []
    return [_battles(*pair) for pair in zip(texts["label"], texts["label_swapped"], strict=True)]


def _of(won: Floats, battles: Floats, rows: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Pick rows with battles."""
    used = rows & (battles > 0)
    return won[used], battles[used]


def _controlled(
    differences: Floats, won: Floats, battles: Floats, *, confidence: float, num_resamples: int
) -> Estimate:
    number = int((battles > 0).sum())
    value = controlled(differences, won, battles)
    if number < FEWEST_UNITS:
        return Estimate(value, np.nan, np.nan, number)
    drawn = [
        controlled(differences, won * counts, battles * counts)
        for [table] in resamples(
            [len(won)], min(num_resamples, _STYLE_RESAMPLES), cells=len(won), seed=0
        )
        for counts in table
    ]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), number)
