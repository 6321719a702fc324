"""The rewards ``regex`` and ``json_schema``: the response has a form, whatever its reference says."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.answers.bounded import BoundedQuestions, Unanswered
from rlsr.answers.schemas import schema_mistake
from rlsr.config.run import RunConfig
from rlsr.config.verifiers import JsonSchemaReward, RegexReward
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError
from rlsr.models import Device
from rlsr.paths import why_unreadable
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult
from rlsr.rewards.verifiers.packages import require_package
from rlsr.rewards.verifiers.verdicts import NO_ANSWER, UNDECIDED, Verdict, scored


class Form(Reward):
    """Asks of each response whether it has a form, in a process of its own with a time limit.

    Args:
        ask: Says of a response whether it has the form; None where there is nothing that could have it.
        questions: What it asks.
        parts: What is counted.
        no_answer_score: What a response gets in which nothing could have it.
    """

    def __init__(
        self,
        ask: Callable[[str], bool | None],
        questions: BoundedQuestions,
        parts: tuple[Part, ...],
        no_answer_score: float = 0.0,
    ) -> None:
        self._ask = ask
        self._questions = questions
        self._parts = parts
        self._no_answer_score = no_answer_score

    @property
    def parts(self) -> tuple[Part, ...]:
        """What keeps a response from having the form or not."""
        return self._parts

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses; nothing else is looked at.

        Returns:
            1 for a response of the form, else 0; NaN where it takes too long to decide. Components are 0 and 1.
        """
        verdicts = [self._judge(response) for response in batch.responses]
        return scored(verdicts, self._parts, self._no_answer_score)

    def close(self) -> None:
        """End the process that is asked."""
        self._questions.close()

    def _judge(self, response: str) -> Verdict:
        try:
            has_form = self._ask(response)
        except Unanswered:
            return Verdict.UNDECIDED
        if has_form is None:
            return Verdict.NO_ANSWER
        return Verdict.RIGHT if has_form else Verdict.WRONG


class RegexKind(RewardKind[RegexReward]):
    """The reward ``regex``."""

    config = RegexReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List what could not be decided."""
        return (UNDECIDED,)

    def describe(self, config: RunConfig) -> str:
        """Name the patterns."""
        settings = self.settings(config)
        asked = []
        if settings.pattern is not None:
            where = "as a whole" if settings.match == "full" else "somewhere"
            asked.append(f"matches {settings.pattern!r} {where}")
        asked += [f"has {pattern!r}" for pattern in settings.required]
        asked += [f"does not have {pattern!r}" for pattern in settings.forbidden]
        return f"a response that {', '.join(asked)}"

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Form:
        """Make it; the process starts when it is asked."""
        settings = self.settings(config)
        questions = BoundedQuestions(settings.time_limit_s)

        def keeps_rules(response: str) -> bool:
            return bool(
                questions.ask(
                    "keeps_rules",
                    response,
                    settings.pattern,
                    settings.match == "full",
                    settings.required,
                    settings.forbidden,
                )
            )

        return Form(keeps_rules, questions, self.parts(config))


class JsonSchemaKind(RewardKind[JsonSchemaReward]):
    """The reward ``json_schema``."""

    config = JsonSchemaReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List responses without JSON, and what could not be decided."""
        return (NO_ANSWER, UNDECIDED)

    def describe(self, config: RunConfig) -> str:
        """Name the schema, by its file where it has one."""
        settings = self.settings(config)
        schema = settings.file or json.dumps(settings.inline)
        return f"JSON that fits the schema {schema if len(schema) < 200 else schema[:200] + ' ...'}"

    def reads(self, config: RunConfig) -> Mapping[str, str]:
        """Name the file with the schema, where it is not in the config."""
        file = self.settings(config).file
        return {} if file is None else {"reward.file": file}

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse a schema that is none."""
        _schema(self.settings(config))

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Form:
        """Read the schema."""
        settings = self.settings(config)
        schema = _schema(settings)
        questions = BoundedQuestions(settings.time_limit_s)

        def fits_schema(response: str) -> bool | None:
            found: bool | None = questions.ask("fits_schema", response, settings.place, schema)
            return found

        return Form(fits_schema, questions, self.parts(config), settings.no_answer_score)


def _schema(settings: JsonSchemaReward) -> Any:
    """Read the schema, and refuse what is wrong with it."""
    require_package("jsonschema", "jsonschema", "hold JSON against a schema")
    place, schema = "reward.inline", settings.inline
    if settings.file is not None:
        place, path = f"reward.file: {settings.file}", Path(settings.file)
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            why = (
                why_unreadable(path)
                or "is not there; start rlsr where it is, or give the whole path"
            )
            raise ConfigError(f"{place} {why}") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{place}: must be a JSON file with a schema: {error}") from error
    mistake = schema_mistake(schema)
    if mistake is not None:
        raise ConfigError(f"{place}: {mistake}")
    return schema
