"""Templates of graders: text with ``{{ item.name }}`` and ``{{ sample.output_text }}`` in it."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

Namespace = Literal["item", "sample"]

_NAMESPACES: Final = ("item", "sample")
_STEP = re.compile(
    r"""\.(?P<name>[^\s.\[\]{}'"]+)|\[(?P<place>\d{1,6})\]|\[(?P<quote>["'])(?P<quoted>[^"']+)(?P=quote)\]"""
)
_ROOT = re.compile(r"[^\s.\[\]{}]*")
_MARKS = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_MAX_STEPS = 50

_TEXT: Final = "text"
_ANY: Final = "any"
_TOOL_CALL: Final = {"id": _TEXT, "type": _TEXT, "function": {"name": _TEXT, "arguments": _TEXT}}
SAMPLE: Final[Mapping[str, Any]] = {
    "output_text": _TEXT,
    "output_json": _ANY,
    "output_tools": [_TOOL_CALL],
    "choices": [
        {
            "index": _TEXT,
            "finish_reason": _TEXT,
            "message": {"role": _TEXT, "content": _TEXT, "tool_calls": [_TOOL_CALL]},
        }
    ],
}
"""What a sample has: tables, lists of one kind of thing, text, and JSON of which nothing is known before."""

ABSENT: Final = object()
"""What a path finds where nothing is, or null."""


@dataclass(frozen=True)
class Path:
    """Where a value stands."""

    namespace: Namespace
    steps: tuple[str | int, ...]
    """Names and places, at least one."""
    written: str
    """As the template has it."""

    def find(self, value: Any) -> object:
        """Look a value up.

        Args:
            value: An item or a sample, in the types of JSON.

        Returns:
            What stands there; ``ABSENT`` where nothing does, or null.
        """
        for step in self.steps:
            if not _has(value, step):
                return ABSENT
            value = value[step]
        return ABSENT if value is None else value


@dataclass(frozen=True)
class Template:
    """A text with places in it."""

    parts: tuple[str | Path, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its places, in order."""
        return tuple(part for part in self.parts if isinstance(part, Path))

    def render(self, item: Mapping[str, Any], sample: Mapping[str, Any]) -> str | None:
        """Put values into the places.

        Args:
            item: The row.
            sample: What the policy wrote.

        Returns:
            The text: texts as they are, everything else as JSON. None where something is absent.
        """
        written = []
        for part in self.parts:
            if isinstance(part, str):
                written.append(part)
                continue
            value = part.find(item if part.namespace == "item" else sample)
            if value is ABSENT:
                return None
            written.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))  # fmt: skip
        return "".join(written)


@lru_cache(maxsize=1024)
def parse_template(text: str) -> Template:
    """Read a template.

    Args:
        text: Any text.

    Returns:
        Its parts.

    Raises:
        ValueError: A place is not closed, has no name, or asks for what no item or sample can have.
    """
    parts: list[str | Path] = []
    end = 0
    for found in _MARKS.finditer(text):
        parts += [text[end : found.start()], _parse_path(found.group(1).strip())]
        end = found.end()
    rest = text[end:]
    if "{{" in rest:
        raise ValueError(f"{{{{ must be closed by }}}}, got {_short(rest[rest.index('{{') :])}")
    return Template(tuple(part for part in [*parts, rest] if part != ""))


def _parse_path(written: str) -> Path:
    root = _ROOT.match(written)
    name = "" if root is None else root.group()
    steps = tuple(_steps(written, len(name)))
    if name not in _NAMESPACES:
        raise ValueError(
            f"must ask for item or sample, as in {{{{ item.answer }}}} and {{{{ sample.output_text }}}}, got {_short(written)}"
            f"{did_you_mean(name, _NAMESPACES)}"
        )
    if not steps:
        raise ValueError(f"must name a value of the {name}, as in {{{{ {name}.{'answer' if name == 'item' else 'output_text'} }}}}, got {_short(written)}")  # fmt: skip
    path = Path("item" if name == "item" else "sample", steps, written)
    if name == "sample":
        _require_known(path)
    return path


def _steps(written: str, start: int) -> Iterator[str | int]:
    place, count = start, 0
    while place < len(written):
        found = _STEP.match(written, place)
        count += 1
        if found is None or count > _MAX_STEPS:
            raise ValueError(
                f"a path has names behind dots and places in brackets, as in sample.output_json.lines[0].text, got {_short(written)}"
            )
        place = found.end()
        number = found.group("place")
        yield int(number) if number else found.group("name") or found.group("quoted")


def _require_known(path: Path) -> None:
    """Refuse what no sample can have."""
    known: Any = SAMPLE
    place = "sample"
    for step in path.steps:
        if known == _ANY:
            return
        if isinstance(known, list):
            if not isinstance(step, int):
                raise ValueError(f"{place} is a list, whose parts have places, as in {place}[0], got {_short(path.written)}")  # noqa: TRY004 - a mistake in a text  # fmt: skip
            if place == "sample.choices" and step > 0:
                raise ValueError(f"there is one choice a sample, sample.choices[0], got {_short(path.written)}")  # fmt: skip
            known, place = known[0], f"{place}[{step}]"
            continue
        names = list(known) if isinstance(known, Mapping) else []
        if step not in names:
            has = f"has {', '.join(names)}" if names else "is text, and has no parts"
            raise ValueError(f"{place} {has}, got {_short(path.written)}{did_you_mean(str(step), names)}")  # fmt: skip
        known, place = known[step], f"{place}.{step}"


def _has(value: object, step: str | int) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Ask for the nearest right name, where one is near.

    Args:
        name: What was written.
        known: What could have been.

    Returns:
        The end of a message; empty where nothing is near.
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
