"""Rewards that say whether an answer is right, by a rule."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from rlsr.config.base import ConfigTable
from rlsr.config.reward_base import ReferenceReward


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"must be a regular expression as Python's re has them, got {pattern!r}: {error}"
        ) from error
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_compiled)]
"""A regular expression, as Python's ``re`` has them."""


class AnswerPlace(ConfigTable):
    """Where the answer stands in a text: one of these settings, or ``find`` alone as a string. Of several places the last counts."""

    find: Literal["whole", "last_line", "last_number", "boxed"] | None = None
    r"""``whole``: the text is the answer. ``last_line``: the last line with anything on it. ``last_number``: the last number.
    ``boxed``: what stands in ``\boxed{...}``."""
    after: str | None = Field(default=None, min_length=1)
    """What the answer stands behind, as in ``####``: the rest of the line, or else the next line."""
    tag: str | None = Field(default=None, pattern=r"^[A-Za-z][\w-]*$")
    """The answer stands in ``<tag>...</tag>``."""
    pattern: Pattern | None = None
    """A regular expression that is searched for: its group ``answer``, else its first group, else the match is the answer."""

    @model_validator(mode="before")
    @classmethod
    def _one_word_is_what_to_find(cls, place: Any) -> Any:
        return {"find": place} if isinstance(place, str) else place

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        named = [name for name, value in self if value is not None]
        if len(named) != 1:
            raise ValueError(
                f"must be one of find, after, tag and pattern, got {' and '.join(named) or 'none of them'}; "
                "set what you do not want to null"
            )
        return self

    @property
    def in_words(self) -> str:
        """Where that is, as the end of a sentence."""
        words = {
            "whole": "the whole text",
            "last_line": "the last line",
            "last_number": "the last number",
            "boxed": "what is boxed",
        }
        if self.find is not None:
            return words[self.find]
        if self.after is not None:
            return f"what stands behind {self.after!r}"
        if self.tag is not None:
            return f"what stands in <{self.tag}>"
        return f"what matches {self.pattern!r}"


class Limited(ConfigTable):
    """What rules have that may take for ever."""

    time_limit_s: float = Field(default=5.0, ge=0.1, le=600)
    """Seconds of computing that a response may take; one that takes longer is left unscored."""


class AnswerReward(ReferenceReward, Limited):
    """What every reward has that finds an answer in the response and compares it to the reference's: 1 if it is right, else 0."""

    references: Literal["best", "mean"] = "best"
    """What a response gets where a prompt has several references: 1 if it agrees with any of them, or the share of them that
    it agrees with. Without effect where there is one."""
    answer: AnswerPlace = AnswerPlace(find="whole")
    """Where the answer stands in a response."""
    reference: AnswerPlace = AnswerPlace(find="whole")
    """Where it stands in a reference."""
    reference_column: str | None = Field(default=None, min_length=1)
    """Column of the data that has the right answer, a text, number or truth value, or a list of right answers; null reads the
    reference."""
    no_answer_score: float = Field(default=0.0, ge=-1, le=0)
    """Reward of a response in which no answer is found; below 0 it is worse than a wrong one."""


class ExactReward(AnswerReward):
    """Whether the answer is the reference's, as text."""

    type: Literal["exact"] = "exact"
    ignore: tuple[Literal["case", "white_space", "punctuation"], ...] = ("case", "white_space")
    """Differences that are none: upper and lower case; how much white space stands where; punctuation and symbols. Spellings
    that Unicode calls the same always are."""


class NumericReward(AnswerReward):
    """Whether the answer is the reference's number. Units, currencies and words around it are left out."""

    type: Literal["numeric"] = "numeric"
    answer: AnswerPlace = AnswerPlace(find="last_number")
    """Where the answer stands in a response."""
    reference: AnswerPlace = AnswerPlace(find="last_number")
    """Where it stands in a reference."""
    tolerance: float = Field(default=0.0, ge=0)
    """Largest difference that counts as none; numbers are compared exactly, so that 0.1 + 0.2 is 0.3."""
    relative_tolerance: float = Field(default=0.0, ge=0, lt=1)
    """The same as a share of the reference; the larger of the two holds."""
    decimal: Literal["point", "comma"] = "point"
    """What stands before the decimals; the other one parts thousands."""
    percent: Literal["number", "hundredth"] = "number"
    """What 50 % is: the number 50, so that the sign is left out like a unit, or 0.5."""


class MathReward(AnswerReward):
    """Whether the answer is mathematically equal to the reference's, by math-verify."""

    type: Literal["math"] = "math"


class ChoiceReward(AnswerReward):
    """Whether the answer chooses the reference's option."""

    type: Literal["choice"] = "choice"
    labels: tuple[str, ...] = Field(default=("A", "B", "C", "D", "E"), min_length=2)
    """What the options are called. A label is found where the text calls it the answer, consists of it, begins with it, or
    names no other."""
    options_column: str | None = Field(default=None, min_length=1)
    """Column of the data with the texts of the options, as a list in the order of the labels or as a table by label; an
    answer that says one of them then counts, too."""

    @field_validator("labels")
    @classmethod
    def _labels_differ(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        folded = [label.casefold() for label in labels]
        if len(set(folded)) < len(folded) or not all(
            re.search(r"^\w(.*\w)?$", label) for label in labels
        ):
            raise ValueError(
                "must differ by more than upper and lower case, and each begin and end with a letter or a digit, "
                f"got {', '.join(map(repr, labels))}"
            )
        return labels


class RegexReward(Limited):
    """Whether the response has a form: 1 if it does, else 0. References are not looked at."""

    type: Literal["regex"] = "regex"
    pattern: Pattern | None = None
    """A regular expression as Python's ``re`` has them; ``(?s)`` at its beginning lets a dot be a line break, too."""
    match: Literal["full", "search"] = "full"
    """``full``: the pattern fits the response from its first to its last character. ``search``: somewhere in it."""
    required: tuple[Pattern, ...] = ()
    """Regular expressions that must each be found somewhere in the response."""
    forbidden: tuple[Pattern, ...] = ()
    """Regular expressions that must not be found."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.pattern is None and not self.required and not self.forbidden:
            raise ValueError(
                "must have a pattern, or something required or forbidden; every response is right otherwise"
            )
        return self


class JsonSchemaReward(Limited):
    """Whether the response is JSON that fits a schema: 1 if it is, else 0. References are not looked at."""

    type: Literal["json_schema"] = "json_schema"
    place: Literal["any", "whole", "fenced"] = "any"
    """Where the JSON stands: ``whole``: the response is JSON. ``fenced``: in the last block between lines of three backticks.
    ``any``: in the last block where there is one, else the whole."""
    inline: dict[str, Any] | None = None
    """The schema."""
    file: str | None = Field(default=None, min_length=1)
    """A JSON file with the schema; one of ``inline`` and ``file`` must be set."""
    no_answer_score: float = Field(default=0.0, ge=-1, le=0)
    """Reward of a response without JSON; below 0 it is worse than JSON that does not fit."""

    @model_validator(mode="after")
    def _has_one_schema(self) -> Self:
        if (self.inline is None) == (self.file is None):
            got = "none" if self.inline is None else "both"
            raise ValueError(f"must have its schema either in inline or in file, got {got}")
        return self
