"""Names that become those of files and directories."""


def is_file_name(name: str) -> bool:
    """Say whether a name stays in the directory that it is put into.

    Args:
        name: Any text.

    Returns:
        Whether it is one part of a path, and neither ``.`` nor ``..``.
    """
    return name not in {"", ".", ".."} and not {"/", "\\", "\0"} & set(name)
