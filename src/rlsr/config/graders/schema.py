"""What the JSON of a grader may say: the tables of OpenAI's guide and of its Python library, and no others."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from rlsr.config.graders.source import checked_source
from rlsr.config.graders.template import parse_template


def _checked(text: str) -> str:
    parse_template(text)
    return text


TemplateText = Annotated[str, AfterValidator(_checked)]
Metric = Literal[
    "cosine", "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"
]  # fmt: skip


class _Table(BaseModel):
    """A table that takes what is written as it is, and no unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class _Named(_Table):
    name: str = ""
    """What people call it; OpenAI's library wants one, examples of its guide have none."""


class StringCheck(_Named):
    """Compares two texts; 0 or 1."""

    type: Literal["string_check"]
    input: TemplateText
    reference: TemplateText
    operation: Literal["eq", "ne", "neq", "like", "ilike"]
    """``ne`` in the schema, ``neq`` in the guide's list: the same."""


class TextSimilarity(_Named):
    """Closeness of two texts in [0, 1]; a cosine may be negative."""

    type: Literal["text_similarity"]
    input: TemplateText
    reference: TemplateText
    evaluation_metric: Metric
    pass_threshold: float | None = None
    """For evals; a reward is the score itself."""


class Content(_Table):
    """A part of a message."""

    type: Literal["input_text", "output_text"]
    text: TemplateText


class GraderMessage(_Table):
    """A message to the grading model."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Annotated[list[Content], Field(min_length=1)]
    type: Literal["message"] = "message"

    @field_validator("content", mode="before")
    @classmethod
    def _in_parts(cls, content: Any) -> Any:
        """Write a text, or one part alone, as a list of parts."""
        parts = content if isinstance(content, list) else [content]
        return [{"type": "input_text", "text": part} if isinstance(part, str) else part for part in parts]  # fmt: skip

    @property
    def texts(self) -> tuple[str, ...]:
        """Its templates, in order."""
        return tuple(part.text for part in self.content)


class SamplingParams(_Table):
    """How the grading model answers; what is not given is left to the server."""

    seed: int | None = None
    top_p: float | None = None
    temperature: float | None = None
    max_completions_tokens: int | None = Field(default=None, ge=1)
    reasoning_effort: str | None = None


class _Model(_Named):
    input: Annotated[list[GraderMessage], Field(min_length=1)]
    model: str
    sampling_params: SamplingParams = SamplingParams()


class ScoreModel(_Model):
    """A model gives a number in a range."""

    type: Literal["score_model"]
    range: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [0.0, 1.0]
    )
    pass_threshold: float | None = None
    """For evals; a reward is the score itself."""

    @model_validator(mode="after")
    def _range_rises(self) -> Self:
        if not self.range[0] < self.range[1]:
            raise ValueError(f"range: must be the least and the most, as in [0, 1], got {self.range}")  # fmt: skip
        return self


class LabelModel(_Model):
    """A model chooses a label; 1 where it is a passing one, else 0."""

    type: Literal["label_model"]
    labels: Annotated[list[str], Field(min_length=2)]
    passing_labels: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _passing_ones_are_labels(self) -> Self:
        unknown = [label for label in self.passing_labels if label not in self.labels]
        if unknown:
            raise ValueError(f"passing_labels: must be among labels, {', '.join(self.labels)}, got {unknown[0]!r}")  # fmt: skip
        return self


class PythonGrader(_Named):
    """A function ``grade(sample, item)``."""

    type: Literal["python"]
    source: Annotated[str, AfterValidator(checked_source)]
    image_tag: str | None = None
    """OpenAI's set of packages; here those are used that are installed."""
    pass_threshold: float | None = None
    """For evals; a reward is the score itself."""


Leaf = StringCheck | TextSimilarity | ScoreModel | LabelModel | PythonGrader
LEAVES: dict[str, type[Leaf]] = {
    "string_check": StringCheck,
    "text_similarity": TextSimilarity,
    "score_model": ScoreModel,
    "label_model": LabelModel,
    "python": PythonGrader,
}


class MultiTable(_Named):
    """Several graders and a formula over them; the graders are read one by one."""

    type: Literal["multi"]
    graders: dict[str, Any]
    calculate_output: str
