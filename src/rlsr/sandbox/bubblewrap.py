"""How bubblewrap is asked to make a sandbox: a file system of the interpreter alone, and name spaces that show nothing else."""

from collections.abc import Sequence
from pathlib import Path

HOME = "/tmp"
"""The only directory in which the code may write, as it sees it."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime")  # fmt: skip


def bubblewrap_command(
    program: str,
    readable: Sequence[str],
    environment: Sequence[tuple[str, str]],
    disk_bytes: int,
    command: Sequence[str],
) -> list[str]:
    """Write the command line that runs a command in a sandbox.

    Args:
        program: Where bubblewrap is.
        readable: Directories and files that the command needs besides those of the system, as they are.
        environment: All variables that it sees.
        disk_bytes: Room in its own directory, which is memory, and gone afterwards.
        command: The command and its arguments.

    Returns:
        The command line: no network, no process of others to be seen, no file of the user's, nothing to write to but a directory of
        limited size; it all ends with its starter.
    """
    system = [part for path in _SYSTEM for part in ("--ro-bind-try", path, path)]
    own = [part for path in _outermost(readable) for part in ("--ro-bind", path, path)]
    variables = [part for name, value in environment for part in ("--setenv", name, value)]
    return [
        program, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", *variables, *system,
        # In this order: a program of the user's may itself stand under /tmp.
        "--proc", "/proc", "--dev", "/dev", "--size", str(disk_bytes), "--tmpfs", HOME, *own, "--remount-ro", "/dev", "--remount-ro", "/",
        "--chdir", HOME, "--", *command,
    ]  # fmt: skip


def _outermost(paths: Sequence[str]) -> list[str]:
    """Leave out what stands inside of another, or is the system's."""
    known = [Path(path) for path in dict.fromkeys(paths)]
    held = [*known, *map(Path, _SYSTEM)]
    return [str(path) for path in known if not any(other in path.parents for other in held)]
