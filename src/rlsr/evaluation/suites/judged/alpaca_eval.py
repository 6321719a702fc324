"""The suite ``alpaca_eval``: AlpacaEval 2, whose judge says how likely it prefers a policy's answer to that of GPT-4 Turbo.

Dubois et al. 2024 (arXiv 2404.04475); the judge is asked as ``weighted_alpaca_eval_gpt4_turbo`` of alpaca_eval 0.6.6 asks it.
"""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlsr.config import RunConfig
from rlsr.config.suites import SuiteConfig
from rlsr.data import Dataset
from rlsr.errors import DataError
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.suites.asked import sample, settings_of_suite
from rlsr.evaluation.suites.judged.alpaca_eval_prompts import HUB_ID, NAME, Item, read_alpaca_eval
from rlsr.evaluation.suites.judged.judge import READS, Judge, open_judge
from rlsr.evaluation.suites.judged.length_control import (
    FILE,
    Gamed,
    length_controlled,
    read_gamed,
)
from rlsr.evaluation.suites.judged.published import hub_file
from rlsr.evaluation.suites.judged.suite import (
    CHARACTERS,
    JudgedSuite,
    Progress,
    Table,
    Turns,
    answered_once,
)
from rlsr.evaluation.suites.suite import Scored
from rlsr.models import Device
from rlsr.remote import Answer

logger = logging.getLogger(__name__)

MAX_RESPONSE_TOKENS = 2048
TEMPERATURE = 0.7
"""As alpaca_eval has it for most models on a machine of one's own."""

_REQUEST = {"max_tokens": 1, "temperature": 1, "logprobs": True, "top_logprobs": 5}
_FIRST, _SECOND = "m", "M"
"""What the judge calls the two answers, in the order in which it sees them."""


def first_is_better(answer: Answer) -> float | None:
    """Read how likely the judge prefers the answer that it sees first.

    Args:
        answer: The judge's: one token.

    Returns:
        The probability of the first one's name beside that of the other, as alpaca_eval's ``logprob_parser`` computes it; 0 or 1
        where the server gives no probabilities; None where neither name is there.
    """
    if answer.first_tokens is None:
        return {_FIRST: 1.0, _SECOND: 0.0}.get((answer.text or "").strip())
    first, second = (answer.first_tokens.get(name, -math.inf) for name in (_FIRST, _SECOND))
    highest = max(first, second)
    if highest == -math.inf:
        return None
    shares = [math.exp(one - highest) for one in (first, second)]
    return shares[0] / sum(shares)


def preference(item: Item, answer: Answer) -> float | None:
    """Read how likely the judge prefers the policy's answer.

    Args:
        item: The prompt.
        answer: The judge's.

    Returns:
        From 0 to 1; None where it says neither name.
    """
    of_first = first_is_better(answer)
    return of_first if of_first is None or item.shows_policy_first else 1 - of_first


class AlpacaEvalSuite(JudgedSuite[Item]):
    """Lets a model say how likely it prefers a policy's answers to those of a baseline.

    Args:
        items: The prompts.
        judge: Who judges; None only writes the answers.
        max_response_tokens: Where an answer is cut.
        gamed: What the length-controlled win rate needs; None leaves it out.
    """

    name = NAME
    suffix = ".json"

    def __init__(
        self,
        items: Sequence[Item],
        judge: Judge | None,
        max_response_tokens: int,
        gamed: Gamed | None,
    ) -> None:
        super().__init__(items, judge, max_response_tokens)
        self._gamed = gamed

    @property
    def answers_in_words(self) -> str:
        """How the answers come about."""
        return f"responses drawn at temperature {TEMPERATURE:g}"

    def asked(self, asker: Asker) -> list[Turns]:
        """Let a policy answer the prompts as alpaca_eval lets models answer.

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
        """Write answers as ``alpaca_eval --model_outputs`` reads them.

        Args:
            turns: One a prompt.
            model: What the policy is called.
        """
        return [
            {"instruction": item.instruction, "output": output, "generator": model}
            for item, (output,) in zip(self._items, turns, strict=True)
        ]

    def turns_of(self, table: Table) -> Turns:
        """Read one answer.

        Args:
            table: As ``written`` returned it.
        """
        return (table["output"],)

    def judged(
        self, turns: Sequence[Turns], judge: Judge | None, on_progress: Progress = None
    ) -> Scored:
        """Score answers.

        Args:
            turns: One a prompt.
            judge: Who judges; without one only lengths are counted.
            on_progress: Told how many questions the judge has answered, of how many.

        Returns:
            ``win_rate``: how likely the judge prefers the answer, .5 where it is the baseline's own, about which nothing is asked;
            ``length_controlled_win_rate``; and ``characters`` of the answer.
        """
        outputs = [output for (output,) in turns]
        characters = [float(len(output)) for output in outputs]
        if judge is None:
            return Scored({CHARACTERS: characters})
        preferences = self._preferences(outputs, judge, on_progress)
        scores: dict[str, Sequence[float | None]] = {"win_rate": preferences}
        if self._gamed is not None:
            scores["length_controlled_win_rate"] = self._length_controlled(
                preferences, outputs, self._gamed
            )
        return Scored({**scores, CHARACTERS: characters})

    def _preferences(
        self, outputs: Sequence[str], judge: Judge, on_progress: Progress
    ) -> list[float | None]:
        pairs = list(zip(self._items, outputs, strict=True))
        others = [pair for pair in pairs if pair[0].baseline != pair[1]]
        answers = judge.ask([item.question(output) for item, output in others], on_progress)
        found = [
            preference(item, answer) for (item, _), answer in zip(others, answers, strict=True)
        ]
        judge.tell_unread(answers, [one is not None for one in found])
        if any(answer.text is not None and answer.first_tokens is None for answer in answers):
            logger.warning(
                "%s: the judge gives no probabilities of its first token, so that it prefers an answer wholly or not at all, as "
                "alpaca_eval_clf_gpt4_turbo does",
                NAME,
            )
        asked = iter(found)
        return [0.5 if item.baseline == output else next(asked) for item, output in pairs]

    def _length_controlled(
        self, preferences: Sequence[float | None], outputs: Sequence[str], gamed: Gamed
    ) -> list[float | None]:
        found = length_controlled(
            np.array(preferences, dtype=np.float64),
            np.array([len(item.baseline) for item in self._items]),
            np.array([len(output) for output in outputs]),
            np.array([gamed.difficulty_of[item.place] for item in self._items]),
            gamed,
        )
        return [None if math.isnan(one) else float(one) for one in found]


def open_alpaca_eval(config: RunConfig, dataset: Dataset, device: Device) -> AlpacaEvalSuite:
    """Read the prompts, and open the judge.

    Args:
        config: The config of a run: ``evaluation.suites.alpaca_eval``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        ConfigError: No judge is named, or its key is not set.
        MissingPackageError: requests is not installed.
        DataError: The prompts, or what controls for length, cannot be read.
    """
    settings = settings_of_suite(config, NAME, reads=(*READS, "length_control"))
    judge = open_judge(NAME, settings, _REQUEST)
    items = read_alpaca_eval(settings.path)
    gamed = None if judge is None else _open_gamed(settings)
    if gamed is not None and (
        unknown := [item for item in items if item.place not in gamed.difficulty_of]
    ):
        raise DataError(
            f"{unknown[0].location}: {FILE} knows {len(gamed.difficulty_of)} prompts, and this is number {unknown[0].place + 1}; give "
            f"the {len(gamed.difficulty_of)} published prompts in their order, or evaluation.suites.{NAME}.length_control=none"
        )
    limit = settings.max_response_tokens or MAX_RESPONSE_TOKENS
    return AlpacaEvalSuite(sample(items, settings.num_prompts), judge, limit, gamed)


def _open_gamed(settings: SuiteConfig) -> Gamed | None:
    if settings.length_control == "none":
        return None
    if settings.length_control is not None:
        return read_gamed(Path(settings.length_control).expanduser())
    beside = None if settings.path is None else Path(settings.path).expanduser().with_name(FILE)
    if beside is not None and beside.is_file():
        return read_gamed(beside)
    place = f"evaluation.suites.{NAME}.length_control"
    way_out = f"get it where there is a network and put it beside the prompts or name it in {place}; {place}=none leaves the length-controlled win rate out"
    return read_gamed(hub_file(HUB_ID, FILE, way_out))
