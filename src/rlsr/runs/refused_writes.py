"""What the operating system says to a write that it refuses, as a message: a full disk is no fault of the program."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlsr.errors import RunError

WAYS_OUT = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room within the quota",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
    errno.EROFS: "make the place writable",
    errno.EACCES: "make the place writable",
    errno.EPERM: "make the place writable",
    errno.ENOENT: "put the directory back",
}
"""What a person can do, by the error's number; of others the message has to be enough."""

OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""What only a write can be refused for, whoever writes."""

# safetensors writes in Rust, which names the error in its text alone, and so does a copy of many files.
_NUMBER_IN_TEXT = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]")
# torch names no error at all when its archive cannot be written.
_TORCH_FAILURE = re.compile(r"PytorchStreamWriter|inline_container")


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turn what a write within the block is refused for into one message.

    Args:
        place: The file or the directory that is written.

    Yields:
        Nothing.

    Raises:
        RunError: The operating system refused, in Python, in safetensors or in torch.
    """
    try:
        yield
    except Exception as error:
        number = _number_of(error, place)
        if number is None:
            raise
        raise RunError(refusal(place, number)) from error


def refusal(place: Path, number: int) -> str:
    """Say that a write was refused, why, how much room there is, and how to go on.

    Args:
        place: What was written.
        number: Of the error, as ``errno`` has it.
    """
    reason = os.strerror(number)
    way_out = WAYS_OUT.get(number, "see to it")
    return (
        f"{place}: cannot be written: {reason[:1].lower()}{reason[1:]}{_room(place, number)}; {way_out} and start "
        "again, a run with --resume: nothing that was saved before is lost"
    )


def _number_of(error: Exception, place: Path) -> int | None:
    """Find the operating system's number of an error; None where it is no refusal of a write."""
    if isinstance(error, RunError):
        return None
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if named := _NUMBER_IN_TEXT.search(str(error)):
        return int(named[1] or named[2])
    is_torch = isinstance(error, RuntimeError) and _TORCH_FAILURE.search(str(error))
    # numpy names no number either.
    if is_torch or isinstance(error, OSError):
        return _likely_reason(place)
    return None


def _likely_reason(place: Path) -> int:
    """Try what torch would not say: write a few bytes where it was writing."""
    probe = existing_part(place) / ".probe"
    try:
        with probe.open("wb") as stream:
            stream.write(bytes(2**16))
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        probe.unlink(missing_ok=True)
    return errno.EIO if _size_limit() is None else errno.EFBIG


def existing_part(place: Path) -> Path:
    """Find the nearest directory around a place that is there."""
    around = place if place.is_dir() else place.parent
    while not around.is_dir() and around != around.parent:
        around = around.parent
    return around


def _room(place: Path, number: int) -> str:
    if number == errno.EFBIG and (limit := _size_limit()) is not None:
        return f" (the limit is {limit:,} bytes)"
    if number not in {errno.ENOSPC, errno.EDQUOT}:
        return ""
    usage = shutil.disk_usage(existing_part(place))
    return f" ({usage.free:,} of {usage.total:,} bytes are free there)"


def _size_limit() -> int | None:
    """Ask how large a file may become in this process; None without a limit, or on a system that has none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if soft == resource.RLIM_INFINITY else soft
