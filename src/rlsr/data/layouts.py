"""The layouts of a row and how they are told apart."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from rlsr.config.data import ColumnNames, Layout, LayoutName
from rlsr.data.answers import REFERENCE, answer_text, columns_beside, has_reference
from rlsr.data.rows import Problem, RawRow, show, show_names
from rlsr.errors import ConfigError, DataError

LAYOUT_COLUMNS: Final[dict[LayoutName, tuple[str, ...]]] = {
    "prompt_response": ("prompt", "response"),
    "prompt_completion": ("prompt", "completion"),
    "instruction": ("instruction", "output"),
    "messages": ("messages",),
    "conversations": ("conversations",),
    "preference": ("chosen", "rejected"),
}
"""The columns that a layout cannot do without."""

_RENAMED_LAYOUTS: tuple[LayoutName, ...] = ("prompt_response", "prompt_completion")
_PAIR_OF_COLUMNS: tuple[LayoutName, ...] = (*_RENAMED_LAYOUTS, "instruction")
"""The layouts with a column for the prompt and one for the answer, which a column ``reference`` takes the place of."""
_NUM_DETECTION_ROWS = 20


@dataclass(frozen=True)
class ResolvedLayout:
    """A layout with the columns it reads in one source."""

    name: LayoutName
    required: tuple[str, ...]
    """The columns every row must have: prompt and response for the plain layouts."""
    system: str
    system_required: bool
    """Whether the config names the system column, so that a row without it is a mistake."""
    rejected: str = "rejected"
    """The column of a worse answer."""
    rejected_required: bool = False
    """Whether a row without a worse answer is a mistake: in the layout ``preference``, or where the config names the column."""
    answer_named: bool = False
    """Whether the config names the column of the reference, whatever else a row holds."""
    layout_named: bool = False
    """Whether the config names the layout, and with it the answer: one that a column ``reference`` does not take the place of."""
    beside: tuple[str, ...] = ()
    """Columns of the first rows that are not read, and might be taken for the prompt, the reference or a judgement."""

    @property
    def answer(self) -> str:
        """The column that the reference is read from."""
        return "chosen" if self.name == "preference" else self.required[-1]


def rows_to_detect(rows: Iterator[RawRow | Problem]) -> list[RawRow | Problem]:
    """Take the rows that settle a layout off the front of a source, with the bad ones among them."""
    taken: list[RawRow | Problem] = []
    num_objects = 0
    while num_objects < _NUM_DETECTION_ROWS and (row := next(rows, None)) is not None:
        taken.append(row)
        num_objects += isinstance(row, RawRow) and isinstance(row.value, dict)
    return taken


def resolve_layout(
    rows: Iterable[RawRow | Problem], *, layout: Layout, columns: ColumnNames, source: str
) -> ResolvedLayout:
    """Settle the layout of a source: the named one, or the one that fits most of its first rows.

    Args:
        rows: The rows of the source.
        layout: The config's choice.
        columns: The config's other names for columns.
        source: What to call the source in a message.

    Returns:
        The layout; any of them where no row is an object, since all rows are bad then.

    Raises:
        ConfigError: If columns are renamed in a layout whose columns have fixed names.
        DataError: If no layout fits the columns, two fit the same rows, or a column ``reference`` stands beside the answers of a
            layout that does not read it.
    """
    objects = (row.value for row in rows if isinstance(row, RawRow) and isinstance(row.value, dict))
    first_rows = list(islice(objects, _NUM_DETECTION_ROWS))
    named = [_with_reference(found, first_rows) for found in _candidates(layout, columns)]
    # Both plain layouts read the same columns when the config names both of them, or where there is a reference.
    candidates = list({found.required: found for found in reversed(named)}.values())[::-1]
    if layout != "auto" or not first_rows:
        return _with_columns_beside(candidates[0], first_rows)
    best = _best(candidates, first_rows)
    if len(best) != 1:
        raise DataError(_unclear_layout(source, first_rows, candidates, best))
    _refuse_second_reference(source, best[0], first_rows)
    return _with_columns_beside(best[0], first_rows)


def _best(
    candidates: Sequence[ResolvedLayout], rows: Sequence[Mapping[str, object]]
) -> list[ResolvedLayout]:
    """Choose the layouts that fit most rows, and those that fit some of the same rows."""
    fits = {
        found: {place for place, row in enumerate(rows) if _fits(found, row)}
        for found in candidates
    }
    most = max(map(len, fits.values()))
    covered = set().union(*(places for places in fits.values() if len(places) == most))
    best = [found for found, places in fits.items() if places & covered]
    pairs = [found for found in best if found.name == "preference"]
    # Sets of pairs often hold the better answer a second time, as an SFT row.
    if pairs and all(_same_answers(pairs[0], found, rows) for found in best):
        return pairs
    return best


def _fits(found: ResolvedLayout, row: Mapping[str, object]) -> bool:
    return row.keys() >= set(found.required)


def _same_answers(
    found: ResolvedLayout, other: ResolvedLayout, rows: Sequence[Mapping[str, object]]
) -> bool:
    return all(
        answer_text(row[found.answer]) == answer_text(row[other.answer])
        for row in rows
        if _fits(found, row) and _fits(other, row)
    )


def _with_reference(found: ResolvedLayout, rows: Sequence[Mapping[str, object]]) -> ResolvedLayout:
    """Read the column ``reference`` where rows have it, unless the config names another."""
    prompt = found.required[0]
    if found.name not in _PAIR_OF_COLUMNS or found.answer_named:
        return found
    if not any(prompt in row and has_reference(row) for row in rows):
        return found
    return replace(found, required=(prompt, REFERENCE))


def _with_columns_beside(
    found: ResolvedLayout, rows: Sequence[Mapping[str, object]]
) -> ResolvedLayout:
    read = {*found.required, found.system, found.rejected}
    if found.name == "instruction":
        read |= {"input", "history"}
    if found.name == "preference":
        read.add("prompt")
    return replace(found, beside=columns_beside(rows, read))


def _refuse_second_reference(
    source: str, found: ResolvedLayout, rows: Sequence[Mapping[str, object]]
) -> None:
    """Ask where a column ``reference`` stands beside whole conversations or chosen answers and says something else."""
    if found.answer == REFERENCE or found.answer_named:
        return
    if all(
        not has_reference(row) or answer_text(row[REFERENCE]) == answer_text(row.get(found.answer))
        for row in rows
    ):
        return
    raise DataError(
        f"{source}: {show(REFERENCE)} stands beside {show(found.answer)} and holds another answer, so either could be the "
        f"reference; set data.layout={found.name} to take {show(found.answer)}, or name the columns that are meant with "
        "data.columns.prompt and data.columns.response"
    )


def _candidates(layout: Layout, columns: ColumnNames) -> list[ResolvedLayout]:
    renamed = columns != ColumnNames()
    if renamed and layout not in (*_RENAMED_LAYOUTS, "auto"):
        raise ConfigError(
            f"data.columns: only {' and '.join(_RENAMED_LAYOUTS)} can have other column names, "
            f"got the layout {layout}; remove data.columns, or set data.layout to one of the two"
        )
    names = _RENAMED_LAYOUTS if renamed else tuple(LAYOUT_COLUMNS)
    found = [_with_columns(name, columns) for name in names if layout in ("auto", name)]
    return [
        replace(one, layout_named=layout != "auto" and one.name not in _PAIR_OF_COLUMNS)
        for one in found
    ]


def _with_columns(name: LayoutName, columns: ColumnNames) -> ResolvedLayout:
    required = LAYOUT_COLUMNS[name]
    if name in _RENAMED_LAYOUTS:
        required = (columns.prompt or required[0], columns.response or required[1])
    return ResolvedLayout(
        name,
        required,
        columns.system or "system",
        system_required=columns.system is not None,
        rejected=columns.rejected or "rejected",
        rejected_required=name == "preference" or columns.rejected is not None,
        answer_named=columns.response is not None,
    )


def _unclear_layout(
    source: str,
    rows: list[dict[str, object]],
    candidates: list[ResolvedLayout],
    best: list[ResolvedLayout],
) -> str:
    seen = show_names(Counter(column for row in rows for column in row))
    known = "; ".join(f"{found.name} ({', '.join(found.required)})" for found in candidates)
    rule = "no layout fits the columns"
    way_out = "rename the columns, or name them with data.columns.prompt and data.columns.response"
    if best:
        rule = f"the columns fit {' and '.join(found.name for found in best)} equally well"
        way_out = "set data.layout to the one that is meant"
    return (
        f"{source}: {rule}; seen in the first rows: {seen}; layouts: {known}. To go on, {way_out}"
    )
