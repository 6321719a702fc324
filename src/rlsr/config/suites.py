"""Settings of the suites of ``rlsr evaluate --suite``."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from rlsr.config.base import ConfigTable
from rlsr.config.remote import Budget, ChatEndpoint

_OURS = ("model", "messages", "stream", "n")
"""Fields of a request that are the suite's own."""


class SuiteEndpoint(ChatEndpoint):
    """The server and model of a suite's judge."""

    budget: Budget = Budget()
    """What may be asked. Where it is used up the evaluation ends, and goes on with a larger one."""
    keep_answers: Literal["at_temperature_0", "always", "never"] = "always"
    """Which verdicts are kept on this machine. ``always``: an evaluation that goes on pays for none twice, also where the suite's
    authors ask at a temperature. ``at_temperature_0``: those to questions with ``temperature: 0``."""


class SuiteJudge(ConfigTable):
    """The model that judges the answers to a suite."""

    endpoint: SuiteEndpoint
    """Which server and model judges, and what it may cost."""
    request: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request, as in ``{reasoning_effort: low}``; null takes one of the suite's away, as in ``{max_tokens:
    null, max_completion_tokens: 4096}``."""

    @field_validator("request")
    @classmethod
    def _leaves_ours(cls, request: dict[str, Any]) -> dict[str, Any]:
        for name in _OURS:
            if name in request:
                raise ValueError(
                    f"must not set {name}, which is the suite's own; name the model in judge.endpoint.model"
                )
        return request


class SuiteConfig(ConfigTable):
    """Where a suite has its prompts, how many of them are asked and how, and who judges the answers. A suite refuses settings that it has no use for."""

    path: str | None = Field(default=None, min_length=1)
    """A file with its prompts as its authors publish them; null asks the Hugging Face hub. ``--suite NAME=FILE`` sets it."""
    num_prompts: int | None = Field(default=None, ge=1)
    """How many of its prompts are asked, of each task where it has several: a sample that is the same for every policy, whatever
    ``seed`` is; null is all."""
    max_response_tokens: int | None = Field(default=None, ge=1)
    """Longest answer; null is that of the suite's authors."""
    num_fewshot: int | None = Field(default=None, ge=0)
    """Examples with their answers before each prompt, for tasks of the LM Evaluation Harness; null is what a task has."""
    chat_template: bool = False
    """Whether tasks of the LM Evaluation Harness are asked as a user's turn through the policy's chat template, as
    ``--apply_chat_template`` of its own command; false asks them as plain text."""
    num_draws: int | None = Field(default=None, ge=1)
    """Further answers that are drawn to each prompt, for pass@k of suites whose answers are right or wrong; null draws none."""
    pass_at: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """The k of pass@k, none of them more than ``num_draws``; without any it is 1 and ``num_draws``."""
    draw_temperature: float = Field(default=0.8, gt=0, allow_inf_nan=False)
    """Divides the logits of the answers that are drawn."""
    judge: SuiteJudge | None = None
    """Who judges, with ``alpaca_eval``, ``arena_hard`` and ``mt_bench``; null judges nothing."""
    judged: bool = True
    """Whether answers are judged, by the same suites: false only writes them, in the form in which the suite's own program reads
    them."""
    answers: str | None = Field(default=None, min_length=1)
    """``arena_hard``: a file, or a folder ``model_answer``, with the answers that those of the policy are compared with;
    ``mt_bench``: a file with reference answers. Null takes those that stand beside the prompts."""
    length_control: str | None = Field(default=None, min_length=1)
    """``alpaca_eval``: the file ``df_gamed.csv`` of its authors; null takes one beside ``path``, or that of the hub, and ``none``
    leaves the length-controlled win rate out."""

    @property
    def passes(self) -> tuple[int, ...]:
        """The k of pass@k in rising order."""
        return tuple(sorted(set(self.pass_at or (1, self.num_draws or 1))))

    @model_validator(mode="after")
    def _draws_what_it_counts(self) -> Self:
        if self.num_draws is None:
            for name in ("pass_at", "draw_temperature"):
                value = getattr(self, name)
                if value != SuiteConfig.model_fields[name].default:
                    raise ValueError(
                        f"{name}: has no effect without answers that are drawn, got {value}; set num_draws, or leave it out"
                    )
        elif self.pass_at and max(self.pass_at) > self.num_draws:
            raise ValueError(
                f"pass_at: pass@{max(self.pass_at)} needs at least as many answers, got num_draws {self.num_draws}"
            )
        return self
