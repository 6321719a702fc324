"""The model that judges the answers to a suite."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlsr.config.suites import SuiteConfig, SuiteJudge
from rlsr.errors import ConfigError
from rlsr.evaluation.suites.judged.questions import Question
from rlsr.remote import Answer, ChatClient

logger = logging.getLogger(__name__)

READS = ("path", "num_prompts", "max_response_tokens", "judge", "judged")
"""The settings that all judged suites have a use for."""

_MOST_UNANSWERED = 0.1
"""Share of the questions; with more of them an evaluation is not finished, but goes on when the server is there again."""
_ROUNDS_AT_ONCE = 16
"""So many questions for each connection are asked between two looks at how far it is."""


class Judge:
    """Asks a model about answers.

    Args:
        name: Of the suite.
        config: Which model, and how it is asked.
        request: What the suite's authors ask with: ``max_tokens``, ``temperature`` and the like.

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, name: str, config: SuiteJudge, request: Mapping[str, Any]) -> None:
        self._name = name
        self._place = f"evaluation.suites.{name}.judge"
        self.description = f"{config.endpoint.model} {json.dumps(config.request, sort_keys=True)}"
        """Which model judges, and how it is asked otherwise than the suite's authors ask."""
        self._request = {**request, **config.request}
        self._at_once = _ROUNDS_AT_ONCE * config.endpoint.concurrency
        self._client = ChatClient(
            config.endpoint,
            f"{self._place}.endpoint",
            "go on with --resume: the policy's answers and the verdicts so far are kept",
        )

    def ask(
        self,
        questions: Sequence[Question],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """Ask questions, several at a time.

        Args:
            questions: Equal ones are asked once.
            on_progress: Told how many are answered, of how many.

        Returns:
            One answer a question.

        Raises:
            RemoteError: The server refuses the key, knows no such model, or leaves more than a tenth unanswered.
            BudgetError: What may be asked is used up.
        """
        answers: list[Answer] = []
        while len(answers) < len(questions):
            asked = questions[len(answers) : len(answers) + self._at_once]
            answers += self._client.ask([self._body(one) for one in asked])
            failed = [answer for answer in answers if answer.text is None]
            if len(failed) > _MOST_UNANSWERED * len(answers):
                raise self._client.error(
                    "url",
                    f"{len(failed)} of {len(answers)} questions were not answered",
                    failed[0].cause,
                    f"see that the server runs, can keep up, and takes what is asked ({self._place}.request)",
                )
            if on_progress is not None:
                on_progress(len(answers), len(questions))
        return answers

    def redacted(self, text: str | None) -> str | None:
        """Take secrets out of what the judge wrote.

        Args:
            text: A verdict; None where there is none.
        """
        return text and self._client.redacted(text)

    def tell_unread(self, answers: Sequence[Answer], is_read: Sequence[bool]) -> None:
        """Say how many answers hold no verdict, with the first of them.

        Args:
            answers: All of them.
            is_read: Whether each holds a verdict.
        """
        unread = [answer for answer, read in zip(answers, is_read, strict=True) if not read]
        if unread:
            first = unread[0]
            shown = first.cause if first.text is None else self._client.shown(first.text[-200:])
            logger.warning(
                "%s: %d of %d verdicts are missing or cannot be read, and are left unscored; the first of them: %s",
                self._name,
                len(unread),
                len(answers),
                shown,
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _body(self, question: Question) -> dict[str, Any]:
        body = {
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": question.user},
            ],
            **self._request,
        }
        return {name: value for name, value in body.items() if value is not None}


def open_judge(name: str, settings: SuiteConfig, request: Mapping[str, Any]) -> Judge | None:
    """Open the judge of a suite.

    Args:
        name: Of the suite.
        settings: Of the suite.
        request: What the suite's authors ask with.

    Returns:
        The judge; None where answers are only written.

    Raises:
        ConfigError: There is none, or the environment variable of its key is not set.
    """
    place = f"evaluation.suites.{name}"
    if not settings.judged:
        if settings.judge is not None:
            raise ConfigError(
                f"{place}.judged: false leaves {place}.judge without effect; leave one of them out"
            )
        return None
    if settings.judge is None:
        raise ConfigError(
            f"{place}.judge: a model must judge the answers, got none; name one, as in {place}.judge.endpoint.url=https://api.openai.com/v1 "
            f"{place}.judge.endpoint.model=gpt-4.1 {place}.judge.endpoint.api_key_env=OPENAI_API_KEY, or write the answers alone, "
            f"for the suite's own program, with {place}.judged=false"
        )
    return Judge(name, settings.judge, request)
