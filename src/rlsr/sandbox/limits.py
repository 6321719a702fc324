"""How much a process in the sandbox may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one worker may use; the defaults are those of OpenAI's python graders."""

    seconds: float = 120.0
    """Of one call, by the clock; then the worker is ended."""
    memory_bytes: int = 2 * 10**9
    """Address space of the worker."""
    disk_bytes: int = 10**9
    """Of its own directory: in all with bubblewrap, of each file without it."""
    answer_bytes: int = 64 * 1024
    """Longest answer to one call."""
