"""From JSON to a grader, or to one line for each mistake in it."""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rlsr.config.graders.formula import FUNCTIONS, Formula, parse_formula
from rlsr.config.graders.schema import (
    LEAVES,
    Content,
    GraderMessage,
    LabelModel,
    Leaf,
    MultiTable,
    PythonGrader,
    SamplingParams,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from rlsr.config.graders.template import Path as TemplatePath
from rlsr.config.graders.template import did_you_mean, parse_template
from rlsr.errors import ConfigError
from rlsr.paths import similar_files, why_unreadable

MAX_GRADERS = 100
_MAX_FILE_BYTES = 10 * 2**20
_MAX_SHOWN = 80
_TYPES = (*LEAVES, "multi")


@dataclass(frozen=True)
class Grader:
    """A grader that was read: one alone, or several with a formula."""

    leaves: Mapping[str, Leaf]
    """By name; one alone has the name ``""``."""
    formula: Formula | None = None
    """How the score is made of those of several."""
    calculate_output: str = ""
    """As it is written."""

    def key(self, name: str) -> str:
        """Say where a grader stands in the JSON, as the beginning of a key; empty where it stands alone."""
        return "" if self.formula is None else f"graders.{name}."

    def templates(self) -> Iterator[tuple[str, str]]:
        """List the templates of all graders.

        Yields:
            The key, and the text.
        """
        for name, leaf in self.leaves.items():
            for key, text in templates_of(leaf):
                yield f"{self.key(name)}{key}", text

    def item_paths(self) -> Iterator[tuple[str, TemplatePath]]:
        """List what is asked for of a row.

        Yields:
            The key of the template, and the path.
        """
        for key, text in self.templates():
            for path in parse_template(text).paths:
                if path.namespace == "item":
                    yield key, path

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics of its text similarities."""
        return frozenset(
            leaf.evaluation_metric
            for leaf in self.leaves.values()
            if isinstance(leaf, TextSimilarity)
        )

    def has(self, kind: type[Leaf]) -> bool:
        """Say whether there is a grader of a type."""
        return any(isinstance(leaf, kind) for leaf in self.leaves.values())


def templates_of(leaf: Leaf) -> Iterator[tuple[str, str]]:
    """List the templates of a grader.

    Args:
        leaf: The grader.

    Yields:
        The key within it, and the text.
    """
    if isinstance(leaf, StringCheck | TextSimilarity):
        yield "input", leaf.input
        yield "reference", leaf.reference
    elif isinstance(leaf, ScoreModel | LabelModel):
        for place, message in enumerate(leaf.input):
            yield from ((f"input.{place}.content", text) for text in message.texts)


def read_grader_file(file: Path) -> dict[str, Any]:
    """Read the JSON of a grader.

    Args:
        file: It holds what OpenAI takes for a grader.

    Returns:
        The JSON, which ``parse_grader`` takes.

    Raises:
        ConfigError: It cannot be read, is no JSON, or a grader with mistakes; each of them is named.
    """
    problem = why_unreadable(file)
    if problem is not None:
        raise ConfigError(f"{file}: {problem}; give a file with the JSON of a grader")
    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError(f"{file}: must have at most {_MAX_FILE_BYTES:,} bytes")
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        others = similar_files(file, frozenset({".json"}))
        near = f"; did you mean {others[0]}?" if others else None
        raise ConfigError(
            f"{file}: there is no such file{near or '; give its path from the working directory'}"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{file}: must be JSON in UTF-8: {error}") from error
    try:
        parse_grader(content)
    except ConfigError as error:
        lines = str(error).splitlines()
        raise ConfigError("\n".join(f"{file}: {line}" for line in lines)) from error
    assert isinstance(content, dict), "as every grader"
    return content


def parse_grader(content: object) -> Grader:
    """Read a grader.

    Args:
        content: Its JSON.

    Returns:
        The grader, with its templates and its formula checked.

    Raises:
        ConfigError: It breaks rules; a line for each, which begins with the key.
    """
    mistakes: list[str] = []
    grader = _read(content, mistakes)
    if grader is None or mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))
    return grader


def _read(content: object, mistakes: list[str]) -> Grader | None:
    if not isinstance(content, dict) or content.get("type") != "multi":
        leaf = _leaf(content, "", mistakes)
        return None if leaf is None else Grader({"": leaf})
    table = _table(MultiTable, content, "", mistakes)
    if table is None:
        return None
    members = _members(table.graders)
    if not 1 <= len(members) <= MAX_GRADERS:
        mistakes.append(f"graders: must be 1 to {MAX_GRADERS} graders, got {len(members)}")
        return None
    leaves = {}
    for name, member in members.items():
        if not name.isidentifier() or name in FUNCTIONS:
            mistakes.append(f"graders.{name[:_MAX_SHOWN]}: must have a name that a formula can use: letters, digits and _, and none of its functions")  # fmt: skip
        leaf = _leaf(member, f"graders.{name}.", mistakes)
        if leaf is not None:
            leaves[name] = leaf
    try:
        formula = parse_formula(table.calculate_output, list(members))
    except ValueError as error:
        mistakes.append(f"calculate_output: {error}")
        return None
    return Grader(leaves, formula, table.calculate_output)


def _members(graders: dict[str, Any]) -> dict[str, Any]:
    """Take the graders by name, or the one that stands in their place, as OpenAI's library has it."""
    if isinstance(graders.get("type"), str):
        return {str(graders.get("name", "")): graders}
    return graders


def _leaf(content: object, place: str, mistakes: list[str]) -> Leaf | None:
    """Read one grader that is no multigrader."""
    if not isinstance(content, dict):
        where = place.removesuffix(".") or "grader"
        mistakes.append(f"{where}: must be a table with a type, got {_shown(content)}")
        return None
    type_ = content.get("type")
    kind = LEAVES.get(type_) if isinstance(type_, str) else None
    if kind is None:
        mistakes.append(f"{place}type: {_unknown_type(content, place)}")
        return None
    leaf: Leaf | None = _table(kind, content, place, mistakes)
    if isinstance(leaf, PythonGrader):
        try:
            require_function(leaf.source)
        except ValueError as error:
            mistakes.append(f"{place}source: {error}")
    return leaf


def _unknown_type(content: dict[str, Any], place: str) -> str:
    type_, known = content.get("type"), ", ".join(_TYPES)
    if type_ == "multi" and place:
        return "a multigrader cannot stand inside of another; put its graders beside the others, and its formula in brackets"
    if type_ is None:
        inner = "; give the grader itself, which stands under the key grader" if "grader" in content else ""  # fmt: skip
        return f"is missing; it must be one of {known}{inner}"
    return f"must be one of {known}, got {_shown(type_)}{did_you_mean(str(type_), _TYPES)}"


def require_function(source: str) -> None:
    """Refuse the source of a python grader that is no Python, or has no function ``grade`` of two arguments.

    Args:
        source: Nothing of it is run.

    Raises:
        ValueError: One of these holds.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"must be Python: {error}") from error
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "grade"]  # fmt: skip
    names = {name for node in body for name in _bound(node)}
    if not functions:
        if "grade" not in names and "*" not in names:
            raise ValueError("must define a function grade(sample, item)")
        return
    taken = functions[-1].args
    least = len(taken.posonlyargs) + len(taken.args) - len(taken.defaults)
    most = len(taken.posonlyargs) + len(taken.args)
    if not (least <= 2 and (most >= 2 or taken.vararg is not None)) or None in taken.kw_defaults:
        raise ValueError(f"grade must take two arguments, sample and item, got grade({ast.unparse(taken)})")  # fmt: skip


def _bound(node: ast.stmt) -> Iterator[str]:
    """List the names that a statement may give a value, as far as they stand there."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.alias):
            yield inner.asname or inner.name
        elif isinstance(inner, ast.FunctionDef | ast.ClassDef):
            yield inner.name


def _table(kind: Any, content: dict[str, Any], place: str, mistakes: list[str]) -> Any:
    """Check one table, and say of each mistake where it is."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        mistakes += [_mistake(detail, place, kind) for detail in error.errors(include_url=False)]
        return None


def _mistake(detail: ErrorDetails, place: str, kind: Any) -> str:
    loc = [str(part) for part in detail["loc"]]
    key = place + ".".join(loc)
    if detail["type"] == "extra_forbidden":
        known = _keys_at(kind, detail["loc"][:-1])
        meant = did_you_mean(loc[-1], known) or f"; the keys here are {', '.join(known)}"
        return f"{key}: unknown key{meant}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    message = detail["msg"]
    if detail["type"] == "value_error":
        message = message.removeprefix("Value error, ")
        return f"{key}: {message}" if loc else f"{place}{message}"
    rule = f"must {message[13:]}" if message.startswith("Input should ") else message
    meant = ""
    if detail["type"] == "literal_error":
        known = [part.strip("'") for part in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]  # fmt: skip
        meant = did_you_mean(str(detail["input"]), known)
    return f"{key}: {rule}, got {_shown(detail['input'])}{meant}"


def _keys_at(kind: Any, loc: tuple[int | str, ...]) -> list[str]:
    """List the keys of the table in which one is unknown."""
    inner = {"sampling_params": SamplingParams, "input": GraderMessage, "content": Content}
    for part in loc:
        kind = inner.get(str(part), kind)
    return sorted(kind.model_fields)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
