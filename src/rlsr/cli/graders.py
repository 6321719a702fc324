"""``rlsr graders`` looks at OpenAI's graders: whether a file is one, and what it says of a response."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlsr.cli.arguments import settings_of
from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError

if TYPE_CHECKING:
    from rlsr.config.graders import Grader
    from rlsr.config.graders.schema import Leaf
    from rlsr.rewards import RewardResult

FileArgument = Annotated[Path, typer.Argument(help="The JSON of a grader, as OpenAI takes it.")]

app = typer.Typer(help="Look at OpenAI's graders before training on one.", no_args_is_help=True)


@app.callback()
def _graders() -> None:
    """Look at OpenAI's graders before training on one."""


@app.command(name="validate")
def validate(file: FileArgument) -> None:
    """Read a grader, list every mistake with its key, and say what it grades and what it needs."""
    from rlsr.config.graders import parse_grader, read_grader_file

    grader = parse_grader(read_grader_file(file))
    console = open_console()
    console.print(f"{file}: a grader that can be trained on", markup=False, soft_wrap=True)
    for line in _lines(grader):
        console.print(f"  {line}", markup=False, soft_wrap=True)


@app.command(name="run")
def run(
    file: FileArgument,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Settings, as in reward.allow_python=true or reward.endpoint.url=http://localhost:8000/v1.",
        ),
    ] = None,
    item: Annotated[
        str, typer.Option(help="The row: a JSON object, or a file that holds one.")
    ] = "{}",
    sample: Annotated[
        str, typer.Option(help="The response: a text, or the path of a file that holds it.")
    ] = "",
) -> None:
    """Grade one response, and show the score and every part of it."""
    from rlsr.config import load_config
    from rlsr.config.graders import GraderReward
    from rlsr.embeddings import load_embedder
    from rlsr.rewards.graders.kind import open_grader
    from rlsr.rewards.graders.rows import Rows, sample_of

    config = load_config(
        overrides=[
            *settings_of({"reward.type": "grader", "reward.file": str(file)}),
            *(overrides or []),
        ]
    )
    settings = config.reward
    assert isinstance(settings, GraderReward), "as it was asked for"
    row = _row(item)
    _require_paths(settings.parsed, row)
    needs_encoder = "cosine" in settings.parsed.metrics
    scorer = open_grader(
        settings, load_embedder(config.embedding, "cpu") if needs_encoder else None
    )
    try:
        result = scorer.grade(Rows([row], [sample_of(_text(sample))]))
    finally:
        scorer.close()
    _show(result)


def _lines(grader: "Grader") -> Iterator[str]:
    """Say what each grader compares or asks, and what it needs."""
    from rlsr.config.graders.schema import LabelModel, PythonGrader, ScoreModel
    from rlsr.config.graders.words import describe_grader

    yield describe_grader(grader, "the run's encoder")
    for name, leaf in grader.leaves.items():
        for note in _notes(leaf):
            yield f"{grader.key(name)}{note}"
    columns = dict.fromkeys(path.written for _, path in grader.item_paths())
    if columns:
        yield f"asks of every row for {', '.join(columns)}"
    if grader.has(ScoreModel) or grader.has(LabelModel):
        yield "needs a server: reward.endpoint={url: ..., api_key_env: ...}"
    if grader.has(PythonGrader):
        yield "holds Python code: read it, then reward.allow_python=true"


def _notes(leaf: "Leaf") -> Iterator[str]:
    """Name what is read and has no effect on a reward."""
    if getattr(leaf, "pass_threshold", None) is not None:
        yield "pass_threshold: is for evals, and has no effect on a reward"
    if getattr(leaf, "image_tag", None) is not None:
        yield "image_tag: has no effect; the code finds the packages that are installed here"


def _row(item: str) -> dict[str, Any]:
    text = item if item.lstrip().startswith("{") else _file_text(Path(item), "--item")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--item: must be a JSON object, or a file that holds one: {error}") from error  # fmt: skip
    if not isinstance(found, dict):
        raise ConfigError(f"--item: must be a JSON object, as in '{{\"answer\": \"4\"}}', got {type(found).__name__}")  # fmt: skip
    return found


def _text(sample: str) -> str:
    try:
        is_file = Path(sample).is_file()
    except (OSError, ValueError):  # a text that no path could be
        return sample
    return _file_text(Path(sample), "--sample") if is_file else sample


def _file_text(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{option}: {str(path)!r} cannot be read as a file of UTF-8: {reason}") from error  # fmt: skip


def _require_paths(grader: "Grader", row: dict[str, Any]) -> None:
    from rlsr.config.graders.template import ABSENT, did_you_mean

    for key, path in grader.item_paths():
        if path.find(row) is ABSENT:
            meant = did_you_mean(str(path.steps[0]), list(row))
            raise ConfigError(f"--item: has no {path.written}, or it is null, and {key} asks for it; it has {', '.join(row) or 'nothing'}{meant}")  # fmt: skip


def _show(result: "RewardResult") -> None:
    import math

    def written(value: float) -> str:
        return "unscored" if math.isnan(value) else f"{value:.6g}"

    console = open_console()
    console.print(f"score {written(float(result.scores[0]))}", markup=False)
    for name, values in result.components.items():
        console.print(f"  {name} {written(float(values[0]))}", markup=False)
