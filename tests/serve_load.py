"""The load test of benchmarks, as a module."""

import importlib.util
from pathlib import Path
from types import ModuleType


def load_script() -> ModuleType:
    """Import it."""
    path = Path(__file__).parents[1] / "benchmarks/serve_load.py"
    spec = importlib.util.spec_from_file_location("benchmarks_serve_load", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
