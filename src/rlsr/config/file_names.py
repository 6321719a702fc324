"""Names that become those of files and directories."""

_MAX_BYTES = 255
"""Of a name on the usual file systems."""


def is_file_name(name: str) -> bool:
    """Say whether a name stays in the directory that it is put into.

    Args:
        name: Any text.

    Returns:
        Whether it is one part of a path, and neither ``.`` nor ``..``, and as short as file systems want it.
    """
    is_short = len(name.encode(errors="surrogatepass")) <= _MAX_BYTES
    return is_short and name not in {"", ".", ".."} and not {"/", "\\", "\0"} & set(name)
