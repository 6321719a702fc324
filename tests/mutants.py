"""Files as accidents and malice leave them: made from small files that are right by a few changes each."""

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 0.5, 1e308, -1e308, float("nan"), float("inf"), 10**400, 2**64, "", " ", "a", "1", "yes",
    "../../x", "/etc/passwd", "\0", "\x1b[31m", "\ud800", "∀x", "\u200b", "x" * 5000, [], {}, [[]], [None], {"": None},
    {"type": "x"}, [{"a": 1}], {"name": "../x"}, [0, 1], [["a", "b"]],
)  # fmt: skip
"""Values that a place in a table was not made for."""

ODD_BYTES: tuple[bytes, ...] = (
    b"\0", b"\n", b"\r", b"\r\n", b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"\xff", b"\xef\xbb\xbf",
    b"\xff\xfe", b"null", b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 400, b"../", b"\x1b[2J", b"&a", b"*a", b"<<", b"!!",
    b"- ", b"\t", b"|", b">", b"%", b"@", b"#", b"[" * 2000, b"{\"a\":" * 300, b"\xe2\x80\xa8", b"PAR1", b"\x1f\x8b",
)  # fmt: skip
"""Bytes that mean something to one reader or another."""

Change = tuple[str, int, int, int]

changes = st.lists(
    st.tuples(
        st.sampled_from(("put", "cut", "repeat", "flip", "end", "swap")),
        st.integers(0, 2**20),
        st.integers(0, 64),
        st.integers(0, 2**16),
    ),
    min_size=1,
    max_size=5,
)


def changed_bytes(content: bytes, what: Sequence[Change]) -> bytes:
    """Change a file byte by byte: put something in, cut out, repeat, flip a bit, end early, exchange the halves."""
    for kind, position, length, choice in what:
        at = position % (len(content) + 1)
        before, inside, after = content[:at], content[at : at + length], content[at + length :]
        if kind == "put":
            content = before + ODD_BYTES[choice % len(ODD_BYTES)] + content[at:]
        elif kind == "cut":
            content = before + after
        elif kind == "repeat":
            content = before + inside * (choice % 4) + after
        elif kind == "flip" and content:
            at %= len(content)
            flipped = content[at] ^ (1 << choice % 8)
            content = content[:at] + bytes([flipped]) + content[at + 1 :]
        elif kind == "end":
            content = before
        elif kind == "swap":
            content = content[at:] + before
    return content


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the place of everything in a table, the table itself first."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    return [place, *(found for key, held in inside for found in places(held, (*place, key)))]


def changed_table(table: Any, what: Sequence[Change]) -> Any:
    """Put odd values into places of a table, take places out, or give them another's value."""
    table = copy.deepcopy(table)
    for kind, position, _, choice in what:
        found = places(table)
        place = found[position % len(found)]
        value = copy.deepcopy(ODD_VALUES[choice % len(ODD_VALUES)])
        if kind == "swap":
            value = _at(table, found[choice % len(found)])
            value = copy.deepcopy(value)
        if not place:
            table = value
            continue
        holder, last = _at(table, place[:-1]), place[-1]
        if kind == "cut":
            del holder[last]
        elif kind == "repeat" and isinstance(holder, dict):
            holder["further"] = value
        else:
            holder[last] = value
    return table


def _at(table: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        table = table[key]
    return table


@st.composite
def mutants(draw: st.DrawFn, seeds: Sequence[bytes], is_json: bool) -> bytes:
    """Draw a file that is a few changes away from one that is right.

    Args:
        draw: Hypothesis gives it.
        seeds: Files that are right.
        is_json: Whether they hold a JSON value each line, or in all, so that values can be changed, too.
    """
    seed = draw(st.sampled_from(seeds))
    what = draw(changes)
    if is_json and draw(st.booleans()):
        return changed_values(seed, what)
    return changed_bytes(seed, what)


def changed_values(content: bytes, what: Sequence[Change]) -> bytes:
    """Change values of a JSON file or of a line of a file of JSON lines."""
    try:
        return json.dumps(changed_table(json.loads(content), what)).encode()
    except ValueError:  # several lines
        lines = content.splitlines(keepends=True)
        at = what[0][1] % len(lines)
        lines[at] = json.dumps(changed_table(json.loads(lines[at]), what)).encode() + b"\n"
        return b"".join(lines)
