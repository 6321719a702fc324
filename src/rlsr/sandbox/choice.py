"""Which sandbox there is on this machine."""

import shutil
import subprocess
import sys
from functools import cache
from typing import Literal

from rlsr.errors import ConfigError
from rlsr.sandbox.bubblewrap import bubblewrap_command

Kind = Literal["bubblewrap", "limits"]
"""``bubblewrap``: a file system and name spaces of its own. ``limits``: what the kernel lets a process give up by itself."""

Setting = Literal["auto", "bubblewrap", "limits"]

_TRIAL_S = 30


def choose_kind(setting: Setting, key: str) -> Kind:
    """Choose a sandbox.

    Args:
        setting: What is asked for; ``auto`` is bubblewrap where it works.
        key: The setting, for messages.

    Raises:
        ConfigError: Bubblewrap is asked for and does not work, or the system has neither.
    """
    if sys.platform == "win32":
        raise ConfigError(
            f"{key}: there is no sandbox for Windows; use Linux or WSL, or another type of reward"
        )
    if setting == "limits":
        return "limits"
    program = shutil.which("bwrap")
    refusal = (
        "bwrap is not installed (Debian and Ubuntu: apt install bubblewrap)"
        if program is None
        else _refusal(program)
    )
    if refusal is None:
        return "bubblewrap"
    if setting == "bubblewrap":
        raise ConfigError(
            f"{key}: must be a sandbox that works on this machine, got bubblewrap, and {refusal}; mend that, or use {key}=limits, "
            "which contains less (docs/rewards.md)"
        )
    return "limits"


@cache
def _refusal(program: str) -> str | None:
    """Try bubblewrap; many containers do not let it make name spaces."""
    command = bubblewrap_command(program, [], [], 2**20, ["/usr/bin/env"])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TRIAL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run: {error}"
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else f"it fails: {lines[-1] if lines else 'without a word'}"
