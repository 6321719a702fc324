"""OpenRLHF's own executor, which asks rewards; `pip install --no-deps openrlhf aiohttp` is enough for it."""

import importlib
import sys
import types
from typing import Any

import pytest

from rlsr.packages import package_directory


def openrlhf_agent() -> Any:
    """Import ``openrlhf.utils.agent`` without what stands beside it, which needs a GPU's packages."""
    pytest.importorskip("aiohttp", reason="OpenRLHF asks by aiohttp, which is not installed")
    directory = package_directory("openrlhf")
    if directory is None:
        pytest.skip("OpenRLHF is not installed")
    bare = types.ModuleType("openrlhf.utils")
    bare.__path__ = [str(directory / "utils")]
    sys.modules.setdefault("openrlhf.utils", bare)
    return importlib.import_module("openrlhf.utils.agent")
