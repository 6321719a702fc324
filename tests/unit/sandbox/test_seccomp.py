"""The filter of system calls, run by a small machine that does what the kernel's does."""

import struct
import sys

import pytest

from rlsr.sandbox.seccomp import system_call_filter

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
THREAD, X32 = 0x00010000, 0x40000000
X86, ARM = ("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has it")


def verdict(machine: str, architecture: int, number: int, argument: int = 0) -> int:
    program = system_call_filter(machine)
    assert program is not None
    data = {0: number, 4: architecture, 16: argument & 0xFFFFFFFF}
    place, held = 0, 0
    while True:
        code, then, otherwise, value = struct.unpack_from("=HBBI", program, place * 8)
        place += 1
        match code:
            case 0x20:
                held = data[value]
            case 0x15:
                place += then if held == value else otherwise
            case 0x45:
                place += then if held & value else otherwise
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


@pytest.mark.parametrize(
    ("machine", "number", "expected"),
    [
        (X86, 0, ALLOW), (X86, 257, ALLOW), (X86, 59, ALLOW), (X86, 57, EPERM), (X86, 58, EPERM), (X86, 41, EPERM), (X86, 62, EPERM), (X86, 101, EPERM),
        (X86, 425, EPERM), (X86, 272, EPERM), (X86, 435, ENOSYS), (X86, 0 | X32, EPERM), (X86, 41 | X32, EPERM), (X86, 53, ALLOW),
        (ARM, 63, ALLOW), (ARM, 198, EPERM), (ARM, 129, EPERM), (ARM, 435, ENOSYS), (ARM, 425, EPERM), (ARM, 41, ALLOW), (ARM, 199, ALLOW),
    ],
)  # fmt: skip
def test_calls_are_refused(machine: tuple[str, int], number: int, expected: int) -> None:
    assert verdict(*machine, number) == expected


@pytest.mark.parametrize(("machine", "clone"), [(X86, 56), (ARM, 220)])
def test_threads_may_begin_and_processes_may_not(machine: tuple[str, int], clone: int) -> None:
    assert verdict(*machine, clone, THREAD | 0x100) == ALLOW
    assert verdict(*machine, clone, 0x11) == EPERM


def test_calls_by_another_table_end_the_process() -> None:
    assert verdict("x86_64", 0x40000003, 0) == KILL
    assert verdict("aarch64", X86[1], 0) == KILL


def test_unknown_machines_have_no_filter() -> None:
    assert system_call_filter("riscv64") is None
