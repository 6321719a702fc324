"""From JSON to a grader, or to one line for each mistake in it."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rlsr.config.graders.formula import FUNCTIONS, parse_formula
from rlsr.config.graders.grader import Grader
from rlsr.config.graders.schema import (
    LEAVES,
    Content,
    GraderMessage,
    Leaf,
    MultiTable,
    SamplingParams,
)
from rlsr.config.graders.template import did_you_mean
from rlsr.errors import ConfigError
from rlsr.paths import similar_files, why_unreadable

MAX_GRADERS = 100
_MAX_FILE_BYTES = 10 * 2**20
_MAX_SHOWN = 80
_TYPES = (*LEAVES, "multi")


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
    return leaf


def _unknown_type(content: dict[str, Any], place: str) -> str:
    type_, known = content.get("type"), ", ".join(_TYPES)
    if type_ == "multi" and place:
        return "a multigrader cannot stand inside of another; put its graders beside the others, and its formula in brackets"
    if type_ is None:
        inner = "; give the grader itself, which stands under the key grader" if "grader" in content else ""  # fmt: skip
        return f"is missing; it must be one of {known}{inner}"
    return f"must be one of {known}, got {_shown(type_)}{did_you_mean(str(type_), _TYPES)}"


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
