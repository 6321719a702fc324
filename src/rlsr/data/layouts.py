"""The layouts of a row and how they are told apart."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from rlsr.config.data import ColumnNames, Layout, LayoutName
from rlsr.data.rows import Problem, RawRow, show_names
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
        DataError: If no layout fits the columns, or two fit equally well.
    """
    candidates = _candidates(layout, columns)
    if layout != "auto":
        return candidates[0]
    objects = (row.value for row in rows if isinstance(row, RawRow) and isinstance(row.value, dict))
    first_rows = list(islice(objects, _NUM_DETECTION_ROWS))
    if not first_rows:
        return candidates[0]
    fits = [sum(row.keys() >= set(found.required) for row in first_rows) for found in candidates]
    best = [found for found, fit in zip(candidates, fits, strict=True) if fit == max(fits) > 0]
    # Sets of pairs often hold the better answer a second time, as an SFT row.
    pairs = [found for found in best if found.name == "preference"]
    if pairs:
        return pairs[0]
    # Both plain layouts read the same columns when the config names both of them.
    if len({found.required for found in best}) == 1:
        return best[0]
    raise DataError(_unclear_layout(source, first_rows, candidates, best))


def _candidates(layout: Layout, columns: ColumnNames) -> list[ResolvedLayout]:
    renamed = columns != ColumnNames()
    if renamed and layout not in (*_RENAMED_LAYOUTS, "auto"):
        raise ConfigError(
            f"data.columns: only {' and '.join(_RENAMED_LAYOUTS)} can have other column names, "
            f"got the layout {layout}; remove data.columns, or set data.layout to one of the two"
        )
    names = _RENAMED_LAYOUTS if renamed else tuple(LAYOUT_COLUMNS)
    return [_with_columns(name, columns) for name in names if layout in ("auto", name)]


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
