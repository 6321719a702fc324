"""Collect wheels for gpu_acceptance.sh: what rlsr and its tests need and a machine with torch and without a network may lack.

    python benchmarks/gpu_wheels.py DIR [--python 3.12]

Takes the versions of constraints.txt, of all that `rlsr[train]`, pytest and hypothesis need, but what every machine with torch has
and what is large (``THERE``). Needs pip and the packages themselves, to know what they need.
"""

import argparse
import logging
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

logger = logging.getLogger(__name__)

THERE = frozenset({
    "torch", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "pip", "setuptools", "lxml", "jinja2", "aiohttp", "hf-xet",
})  # fmt: skip
"""On the machine already; of most it does not matter in which version."""
LIMIT_MIB = 60
"""What may be carried to a lent machine, a little left for the source."""
_ROOTS = ("rlsr[train]", "pytest", "hypothesis")
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")  # fmt: skip
_CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def needed(roots: tuple[str, ...], environment: dict[str, str]) -> list[str]:
    """Follow what packages say that they need.

    Args:
        roots: Requirements to begin with; rlsr itself is not among the answers.
        environment: Of the other machine, by the names of PEP 508.

    Returns:
        Names, sorted, without ``THERE`` and what only those need.
    """
    found: set[str] = set()
    open_ends = [Requirement(root) for root in roots]
    seen: set[tuple[str, str]] = set()
    while open_ends:
        wanted = open_ends.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if name in THERE or (name, extra) in seen:
                continue
            seen.add((name, extra))
            found.add(name)
            for line in distribution(name).requires or []:
                requirement = Requirement(line)
                marker = requirement.marker
                if marker is None or marker.evaluate({**environment, "extra": extra}):
                    open_ends.append(requirement)
    return sorted(found - {"rlsr"})


def download(names: list[str], directory: Path, python: str) -> None:
    """Fetch wheels.

    Args:
        names: Of packages.
        directory: Where to.
        python: Version of the other machine's Python, as in ``3.12``.
    """
    platforms = [part for platform in _PLATFORMS for part in ("--platform", platform)]
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation", "cp",
            "--python-version", python, *platforms, "--constraint", str(_CONSTRAINTS), "--dest", str(directory), *names,
        ],
        check=True,
    )  # fmt: skip


def main() -> None:
    """Collect wheels and say how large they are."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--python", default="3.12", help="of the other machine; default: 3.12")
    arguments = parser.parse_args()
    environment = {
        "python_version": arguments.python,
        "python_full_version": f"{arguments.python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    names = needed(_ROOTS, environment)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    download(names, arguments.directory, arguments.python)
    wheels = sorted(arguments.directory.glob("*.whl"))
    size = sum(wheel.stat().st_size for wheel in wheels) / 2**20
    logger.info("%s: %d wheels, %.1f MiB", arguments.directory, len(wheels), size)
    if size > LIMIT_MIB:
        largest = max(wheels, key=lambda wheel: wheel.stat().st_size).name
        sys.exit(f"more than {LIMIT_MIB} MiB; the largest is {largest}")


if __name__ == "__main__":
    main()
