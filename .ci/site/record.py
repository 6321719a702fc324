"""What a command shows on a terminal: recorded in a pseudo terminal, and read back as the lines that stand there in the end."""

import fcntl
import os
import pty
import re
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path

ROWS = 45
PIECES = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


def record(command: Sequence[str], kept: Path, columns: int) -> str:
    """Run a command in a terminal of its own, or read what it has shown before.

    Args:
        command: With its arguments.
        kept: Where its output is kept; a file that exists is taken instead of running the command again.
        columns: Of the terminal.

    Returns:
        All that it wrote, with the codes that steer a terminal.

    Raises:
        SystemExit: The command failed.
    """
    if kept.exists():
        return kept.read_bytes().decode()  # as text, a return without a new line would become one
    started = time.monotonic()
    process, terminal = pty.fork()
    if not process:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    written = bytearray()
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        written += piece
    text = written.decode("utf-8", errors="replace")
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed:\n{text}")
    print(f"{' '.join(command)}: {time.monotonic() - started:.0f} s")
    kept.write_bytes(text.encode())
    return text


def screen(written: str) -> list[str]:
    """Give the lines that a terminal shows after all that was written to it, with their colours.

    It knows what a panel that renews itself does: it goes up, erases a line, and writes it again.

    Args:
        written: As ``record`` gives it, or a beginning of that.
    """
    lines, at = [""], 0
    for piece in PIECES.finditer(written):
        text, code = piece[0], piece[2]
        if text == "\n":
            at += 1
            lines += [""] * (at + 1 - len(lines))
        elif code == "A":
            at = max(0, at - int(piece[1] or 1))
        elif code == "K":
            lines[at] = ""
        elif code in {None, "m"} and text != "\r":
            lines[at] += text
    return lines
