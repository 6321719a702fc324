"""The process inside of the sandbox: it gives up what it may do, reads the code, and calls it until nobody asks any more.

It runs by itself (``python -I inside.py``), with nothing but the standard library. What it reads on standard input are lines of JSON:
first what it is to do, then the arguments of one call a line. It answers each with a line of JSON on standard output, which the
code itself does not get: whatever it prints goes nowhere.
"""

import ctypes
import json
import os
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from numbers import Real
from typing import IO, Any

_SHOWN_CHARACTERS = 500
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
# The same on every architecture, since they are newer than the last split of the tables.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_ASK_VERSION, _LANDLOCK_RULE_OF_PATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIRECTORY, _TRUNCATE = (
    1 << 0,
    1 << 1,
    1 << 2,
    1 << 3,
    1 << 14,
)
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_FILE_RIGHTS_OF_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights over files a version of Landlock knows; 16 from the fifth on."""
_O_PATH = 0o10000000
_SIGKILL = 9


def main() -> None:
    """Serve until standard input ends."""
    calls, answers = _take_streams()
    wanted = json.loads(calls.readline())
    # Before any of the code is run, which could say something else.
    _say(answers, {"held": _give_up(wanted)})
    try:
        function = _load(wanted["source"], wanted["function"])
    except BaseException as error:  # noqa: BLE001 - whatever the code does when it is read
        _say(answers, {"failed": _in_words(error)})
        return
    _say(answers, {})
    for line in calls:
        _say(answers, _answer(function, json.loads(line)))


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the two streams, and leave the code none."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return calls, answers


def _load(source: str, name: str) -> Callable[..., Any]:
    module: dict[str, Any] = {"__name__": "grader", "__file__": "source"}
    exec(compile(source, "source", "exec"), module)
    function = module.get(name)
    if not callable(function):
        raise TypeError(f"there is no function {name}")
    found: Callable[..., Any] = function
    return found


def _answer(function: Callable[..., Any], arguments: list[Any]) -> dict[str, Any]:
    try:
        found = function(*arguments)
        if not isinstance(found, Real):
            return {"failed": f"returned no number but {repr(found)[:_SHOWN_CHARACTERS]}"}
        return {"value": float(found)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the code's
        return {"failed": _in_words(error)}


def _in_words(error: BaseException) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "source"]  # fmt: skip
    place = f", line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}: {error}"[:_SHOWN_CHARACTERS] + place


def _say(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _give_up(wanted: dict[str, Any]) -> list[str]:
    """Give up what the code is not to have, and say what of it the system knows how to hold back."""
    held = []
    import resource

    limits = {
        resource.RLIMIT_AS: wanted["memory_bytes"],
        resource.RLIMIT_FSIZE: wanted["disk_bytes"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    for limit, most in limits.items():
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):  # macOS knows no limit of memory
            continue
        held.append({resource.RLIMIT_AS: "memory", resource.RLIMIT_FSIZE: "disk"}.get(limit, ""))
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if wanted["ends_with_starter"]:
            libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if wanted["writable"] and _restrict_files(libc, wanted["readable"], wanted["writable"]):
            held.append("files")
        if wanted["filter"] and _filter_calls(libc, bytes.fromhex(wanted["filter"])):
            held += ["network", "processes"]
    return [name for name in held if name]


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def _filter_calls(libc: ctypes.CDLL, steps: bytes) -> bool:
    program = _Filter(len(steps) // 8, steps)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _restrict_files(libc: ctypes.CDLL, readable: Sequence[str], writable: Sequence[str]) -> bool:
    """Let the kernel refuse all files but those under some directories (landlock(7)), where it can."""
    libc.syscall.restype = ctypes.c_long
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_ASK_VERSION)
    if version < 1:
        return False
    every_right = (1 << _FILE_RIGHTS_OF_VERSION.get(version, 16)) - 1
    wanted = struct.pack("=Q", every_right)
    rules = libc.syscall(_LANDLOCK_CREATE, wanted, ctypes.c_size_t(len(wanted)), 0)
    if rules < 0:
        return False
    for paths, rights in ((readable, _EXECUTE | _READ_FILE | _READ_DIRECTORY), (writable, every_right)):  # fmt: skip
        for path in filter(os.path.exists, paths):
            place = os.open(path, _O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", rights if os.path.isdir(path) else rights & _OF_A_FILE, place)  # noqa: PTH112 - the standard library alone, and fast
            libc.syscall(_LANDLOCK_ADD, rules, _LANDLOCK_RULE_OF_PATH, rule, 0)
            os.close(place)
    is_held = bool(libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0)
    os.close(rules)
    return is_held


if __name__ == "__main__":
    main()
