"""The settings of the reward that is a grader of OpenAI's."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from rlsr.config.base import ConfigTable
from rlsr.config.graders.grader import Grader
from rlsr.config.graders.reader import parse_grader, read_grader_file
from rlsr.config.graders.schema import LabelModel, PythonGrader, ScoreModel
from rlsr.config.remote import ChatEndpoint
from rlsr.errors import ConfigError


class GraderEndpoint(ChatEndpoint):
    """The server that the models of ``score_model`` and ``label_model`` are asked on."""

    model: str = ""
    """The model's name on the server; empty takes the one that each grader names."""


class PythonLimits(ConfigTable):
    """What a python grader may use; the defaults are OpenAI's."""

    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds for one response; then it is unscored, and the process is started anew."""
    memory_gb: float = Field(default=2.0, ge=0.1, le=1024)
    """Memory, in gigabytes (10^9 bytes)."""
    disk_gb: float = Field(default=1.0, ge=0.001, le=1024)
    """Room for files of its own, in gigabytes (10^9 bytes): in all with bubblewrap, of each file with ``limits``."""


class GraderReward(ConfigTable):
    """A grader of OpenAI's, as its JSON says."""

    type: Literal["grader"] = "grader"
    grader: dict[str, Any] = Field(default_factory=dict)
    """The JSON of the grader, as OpenAI takes it."""
    file: str | None = None
    """A file with that JSON, read when the config is; a run keeps what stood in it as ``grader``, and no file."""
    endpoint: GraderEndpoint | None = None
    """The server of ``score_model`` and ``label_model``; null where there is none of these."""
    missing_output: Literal["lowest", "unscored"] = "lowest"
    """What a grader gives a response that lacks what its template asks for, as a field of JSON in a response that is none.
    ``lowest``: the least that it can give. ``unscored``: NaN, so that no response is held against lacking it."""
    allow_python: bool = False
    """Run the code of python graders, in a sandbox: whoever wrote the grader has written that code."""
    sandbox: Literal["auto", "bubblewrap", "limits"] = "auto"
    """Where python graders run. ``bubblewrap``: in a file system and a network of their own. ``limits``: with what the kernel lets a
    process give up. ``auto``: bubblewrap where it works."""
    python_limits: PythonLimits = PythonLimits()
    """What python graders may use."""

    @model_validator(mode="before")
    @classmethod
    def _file_is_read(cls, table: Any) -> Any:
        if not isinstance(table, dict) or not isinstance(table.get("file"), str):
            return table
        if table.get("grader"):
            raise ValueError(
                "file: a grader stands under grader, too, where a run's config keeps it; keep one of the two"
            )
        return {**table, "grader": read_grader_file(Path(table["file"])), "file": None}

    @field_validator("grader")
    @classmethod
    def _grader_is_right(cls, content: dict[str, Any]) -> dict[str, Any]:
        if not content:
            raise ValueError("must be the JSON of a grader; or name a file with it, as in reward.file=grader.json")  # fmt: skip
        try:
            parse_grader(content)
        except ConfigError as error:
            raise ValueError("\n  ".join(str(error).splitlines())) from error
        return content

    @model_validator(mode="after")
    def _graders_have_what_they_need(self) -> Self:
        grader = self.parsed
        has_model = grader.has(ScoreModel) or grader.has(LabelModel)
        if has_model and self.endpoint is None:
            raise ValueError(
                "endpoint: score_model and label_model ask a model, and there is no server; name one, as in "
                "reward.endpoint={url: https://api.openai.com/v1, api_key_env: OPENAI_API_KEY}"
            )
        if self.endpoint is not None and not has_model:
            raise ValueError("endpoint: no grader asks a model; take it away")
        if grader.has(PythonGrader) and not self.allow_python:
            raise ValueError(
                "allow_python: the grader holds Python code, which is run for every response; read it, then set "
                "reward.allow_python=true (docs/rewards.md says what the sandbox contains)"
            )
        return self

    @property
    def parsed(self) -> Grader:
        """The grader, read."""
        return parse_grader(self.grader)
