"""What the kernel refuses a process of the sandbox: to start others, to signal or trace them, and to open sockets.

The filter is a program of classic BPF that the kernel runs at every system call (seccomp(2)). It holds in every sandbox, since a
limit on the number of processes does not bind a root user, which most containers run as.
"""

import errno
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where ``struct seccomp_data`` has them; of the argument the lower half, as on every little-endian machine."""
_CLONE_THREAD = 0x00010000
_ABI_OF_X32 = 0x40000000
"""A bit that x86-64 has in the numbers of a second table of calls."""


@dataclass(frozen=True)
class _Calls:
    """Numbers of system calls on one architecture."""

    audit: int
    """What the kernel calls the architecture."""
    clone: int
    refused: Mapping[str, int]
    has_x32: bool = False


# io_uring opens sockets without the call for that; unshare makes name spaces, in which root may do more.
_BY_MACHINE: Mapping[str, _Calls] = {
    "x86_64": _Calls(
        0xC000003E,
        56,
        {"fork": 57, "vfork": 58, "socket": 41, "kill": 62, "tkill": 200, "tgkill": 234, "ptrace": 101, "unshare": 272, "process_vm_readv": 310,
         "process_vm_writev": 311, "pidfd_send_signal": 424, "io_uring_setup": 425},
        has_x32=True,
    ),
    "aarch64": _Calls(
        0xC00000B7,
        220,
        {"socket": 198, "kill": 129, "tkill": 130, "tgkill": 131, "ptrace": 117, "unshare": 97, "process_vm_readv": 270,
         "process_vm_writev": 271, "pidfd_send_signal": 424, "io_uring_setup": 425},
    ),
}  # fmt: skip
_CLONE3 = 435
"""On both; it takes its flags by reference, which a filter cannot follow. A C library that finds no such call asks ``clone``."""


def system_call_filter(machine: str | None = None) -> bytes | None:
    """Write the filter for a machine.

    Args:
        machine: As ``platform.machine`` names it; None is this one.

    Returns:
        A program of BPF; None on systems other than Linux, and on machines whose calls are not known here.
    """
    calls = _BY_MACHINE.get(machine or platform.machine())
    if calls is None or not sys.platform.startswith("linux"):
        return None
    refuse = _step(_RETURN, _REFUSE | errno.EPERM)
    allow = _step(_RETURN, _ALLOW)
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_IF_EQUAL, calls.audit, then=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if calls.has_x32:
        program += [_step(_JUMP_IF_ANY_BIT, _ABI_OF_X32, otherwise=1), refuse]
    program += [_step(_JUMP_IF_EQUAL, _CLONE3, otherwise=1), _step(_RETURN, _REFUSE | errno.ENOSYS)]
    for number in calls.refused.values():
        program += [_step(_JUMP_IF_EQUAL, number, otherwise=1), refuse]
    # A new thread is a clone with its flag; anything else that is cloned is a process.
    program += [
        _step(_JUMP_IF_EQUAL, calls.clone, then=1),
        allow,
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_JUMP_IF_ANY_BIT, _CLONE_THREAD, then=1),
        refuse,
        allow,
    ]
    return b"".join(program)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Write one instruction; of a jump how many it leaves out where the condition holds, and where not."""
    return struct.pack("=HBBI", code, then, otherwise, value)
