"""What is right: texts of a reference, or of a column of the data."""

from collections.abc import Sequence

from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError


def reference_texts(record: PromptRecord, column: str | None) -> list[str]:
    """List the texts that say what is right.

    Args:
        record: A prompt.
        column: The column that does; None is the reference, the one that is compared to at the moment.

    Returns:
        One or, where the column has a list, several; numbers and truth values as JSON writes them. None where the column is
        missing, or holds something else.
    """
    if column is None:
        return [record.reference]
    value = record.columns.get(column)
    values = value if isinstance(value, list) else [value]
    return [text for one in values if (text := column_text(one)) is not None]


def column_text(value: object) -> str | None:
    """Write a text, number or truth value as JSON does, without quotes; None is what is none of them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def require_column(setting: str, column: str | None, records: Sequence[PromptRecord]) -> None:
    """Refuse a column that no row has.

    Args:
        setting: Where the config names it.
        column: Its name; None is none.
        records: The rows.

    Raises:
        ConfigError: No row has it; one that a layout reads, such as the prompt, is none either.
    """
    if column is None or any(column in record.columns for record in records):
        return
    names = dict.fromkeys(name for record in records for name in record.columns)
    there = f"there are {', '.join(names)}" if names else "there is none"
    raise ConfigError(
        f"{setting}: must be a column of the data beside those of the prompt and the reference, of which {there}, got {column!r}"
    )
