"""The reward of a judge: every response is asked about, and what it says is made a score."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np

from rlsr.config.judge import JudgeReward
from rlsr.data.visible import is_empty
from rlsr.remote import Answer, ChatClient
from rlsr.rewards.judge.questions import questions_about
from rlsr.rewards.judge.verdicts import CAUSES, Verdict, verdict_of
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores

logger = logging.getLogger(__name__)

# Where all fail: few may be asked about, and these may be what the server cannot read.
_EASY = RewardBatch.of_texts(["Name a colour."], ["Red."], ["Blue."])

_UNSCORED = (
    Part("empty", "Share empty", "Responses without any visible character, which get 0.", is_share=True),
    Part("unanswered", "Share without an answer", "Responses about which a request failed after all its retries.", is_share=True),
    Part("verdict_cut", "Share with a verdict cut off", "Responses whose verdict was cut at reward.max_tokens.", is_share=True),
    Part("no_verdict", "Share without a verdict", "Responses about which the judge wrote something else.", is_share=True),
    Part("out_of_range", "Share out of range", "Responses whose score is outside of reward.range.", is_share=True),
)  # fmt: skip
_FLIPPED = Part("flipped", "Verdicts that flip with the order", "Share of the responses that are better in one order of the two answers and not in the other.", column="reward/share_flipped")  # fmt: skip
_FIRST = Part("first_place", "Score of the first place", "Of whichever answer stands first; 0.5 is a judge without a liking for a place.")  # fmt: skip


def parts_of(config: JudgeReward) -> tuple[Part, ...]:
    """List what a judge says beside the reward.

    Args:
        config: How it is asked.
    """
    if config.mode == "pairwise":
        return (_FLIPPED, _FIRST, *_UNSCORED)
    lowest, highest = config.range
    return (
        Part("judged", "Score of the judge", f"From {lowest:g} to {highest:g}, as it was given."),
        *_UNSCORED,
    )


class Judge(Reward):
    """Scores a rollout by what a model says of each response.

    Args:
        config: What it is asked, and what its answers mean.
        client: Asks it.
    """

    def __init__(self, config: JudgeReward, client: ChatClient) -> None:
        self._config = config
        self._client = client

    @property
    def parts(self) -> Sequence[Part]:
        """The judge's own score or its liking for a place, and what could not be scored."""
        return parts_of(self._config)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            Rewards in [0, 1]: 0 for a response without any visible character, about which nothing is asked; NaN where there is no
            verdict, and in ``pairwise`` where one of the two is missing. Components: why a response is unscored, as 0 and 1; and
            ``judged``, or ``flipped`` and ``first_place``. Texts: ``verdict``, and ``verdict_swapped`` with the reference first.

        Raises:
            RemoteError: The server refuses the key or knows no such model, or every request failed, that about a plain answer, too.
            BudgetError: What may be asked is used up.
        """
        empty = np.array([is_empty(response) for response in batch.responses], dtype=np.bool_)
        rows = np.flatnonzero(~empty).tolist()
        questions = questions_about(self._config, batch.take(rows))
        answers = self._client.ask([body for asked in questions for body in asked])
        self._require_answers(answers)
        each = len(questions[0]) if questions else 1
        groups = [answers[start : start + each] for start in range(0, len(answers), each)]
        verdicts = [[verdict_of(self._config, answer) for answer in group] for group in groups]
        self._tell(groups, verdicts)
        components = self._components(len(batch), rows, verdicts)
        components["empty"] = empty.astype(np.float64)
        scores = np.where(empty, 0.0, components.pop("score"))
        return RewardResult(scores, components, texts=self._texts(len(batch), rows, groups))

    def _components(
        self, count: int, rows: Sequence[int], verdicts: Sequence[Sequence[Verdict]]
    ) -> dict[str, Scores]:
        """Put what was found of the rows that were asked about in their places, ``score`` among it."""
        names = ("flipped", "first_place") if self._config.mode == "pairwise" else ("judged",)
        found = {name: np.full(count, np.nan) for name in ("score", *names)}
        found |= {str(cause): np.zeros(count) for cause in CAUSES}
        for row, group in zip(rows, verdicts, strict=True):
            values = self._values(group)
            # The first one found names the response's cause, so that they add up to what is unscored.
            cause = next((one.cause for one in group if one.cause is not None), None)
            if cause is not None:
                values = {cause: 1.0}
            for name, value in values.items():
                found[name][row] = value
        return found

    def _values(self, group: Sequence[Verdict]) -> dict[str, float]:
        values = [one.value for one in group if one.value is not None]
        if len(values) < len(group):
            return {}
        if self._config.mode == "pairwise":
            in_first, other = values
            in_second = 1 - other
            return {
                "score": (in_first + in_second) / 2,
                "flipped": float(in_first != in_second),
                "first_place": (in_first + other) / 2,
            }
        lowest, highest = self._config.range
        (score,) = values
        return {"score": (score - lowest) / (highest - lowest), "judged": score}

    def _texts(
        self, count: int, rows: Sequence[int], groups: Sequence[Sequence[Answer]]
    ) -> dict[str, list[str | None]]:
        names = ("verdict", "verdict_swapped") if self._config.mode == "pairwise" else ("verdict",)
        texts: dict[str, list[str | None]] = {name: [None] * count for name in names}
        for row, group in zip(rows, groups, strict=True):
            for name, answer in zip(names, group, strict=True):
                texts[name][row] = answer.text and self._client.redacted(answer.text)
        return texts

    def _require_answers(self, answers: Sequence[Answer]) -> None:
        """End where the server cannot answer anything, since nothing would be learnt."""
        if not answers or any(answer.text is not None for answer in answers):
            return
        ((body, *_),) = questions_about(self._config, _EASY)
        (easy,) = self._client.ask([body])
        if easy.text is None:
            raise self._client.error(
                "url",
                f"none of {len(answers)} questions was answered",
                answers[0].cause,
                "see that the server runs, can keep up, and takes what is asked (reward.answers=text, reward.request)",
            )

    def _tell(
        self, groups: Sequence[Sequence[Answer]], verdicts: Sequence[Sequence[Verdict]]
    ) -> None:
        """Log what was no verdict, by cause, with the first of each."""
        pairs = [pair for group in zip(groups, verdicts, strict=True) for pair in zip(*group, strict=True)]  # fmt: skip
        counts = Counter(verdict.cause for _, verdict in pairs if verdict.cause is not None)
        for cause, number in counts.items():
            first = next(answer for answer, verdict in pairs if verdict.cause == cause)
            logger.warning(
                "%d of %d questions to the judge gave no verdict, and their responses are left unscored: %s; the first one: %s",
                number,
                len(pairs),
                CAUSES[cause],
                first.cause if first.text is None else self._client.shown(first.text),
            )
