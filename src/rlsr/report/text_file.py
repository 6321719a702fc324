"""Writing a report's file."""

from pathlib import Path

from rlsr.errors import RunError


def write_text(file: Path, text: str) -> Path:
    r"""Write a report as UTF-8, over an older one, which a browser finds whole until the new one is.

    Args:
        file: Where to; its directory exists.
        text: What to write. Half of a surrogate pair cannot be UTF-8: it is written as ``\ud800``, which is the
            escape that JSON has for it.

    Raises:
        RunError: The file cannot be written there.
    """
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8", errors="backslashreplace"))
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"{file}: the report cannot be written: {error}; name a file in a directory that exists and is writable"
        ) from error
    return file
