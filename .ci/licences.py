"""List the licences of all pinned dependencies in docs/licences.md, and refuse those that would bind who uses the program.

``--python`` names the interpreter whose packages are looked at, where they are not installed beside pip-licenses.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs" / "licences.md"
ALLOWED = {
    "0BSD", "3-Clause BSD License", "Apache 2.0 License", "Apache Software License", "Apache-2.0", "BSD", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CC0-1.0", "CNRI-Python", "GNU Lesser General Public License v2 or later (LGPLv2+)", "GNU Lesser General Public License v3 (LGPLv3)", "ISC", "ISC License (ISCL)", "LLVM-exception", "MIT", "MIT License", "MIT-0", "MIT-CMU", "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0", "The MIT License (MIT)", "Python Software Foundation License", "Zlib",
}  # fmt: skip
"""Licences that let a program be used, and passed on as part of another of any terms."""
HEAD = """# Licences of the dependencies

Made by `make licences` from the packages of `constraints.txt`, as these name their licences; one that is not on the list of
`.ci/licences.py` fails it. All of them allow any use, commercial use included; packages under MPL-2.0 or
the LGPL (two that the harness of the extra `eval` brings) ask that changes to their own files be published. On Linux with CUDA, PyTorch's own wheels bring NVIDIA's libraries, whose licence is proprietary and free of charge.

The extra `verl` lives in an environment of its own and is not in the list; of its packages verl, Ray and TransferQueue are under Apache-2.0, msgspec, pyzmq and uvicorn under
BSD-3-Clause, cachetools and fastapi under MIT. Neither are packages that only the extra `serve-ray` brings, among them Ray and opencensus, under Apache-2.0; virtualenv, colorful, fastapi, smart_open and watchfiles,
under MIT; wrapt, under BSD-2-Clause.

| package | needed for | licence |
|---|---|---|
"""


def pinned() -> list[str]:
    """Name the packages of ``constraints.txt``."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [normalised(line.partition("==")[0]) for line in lines if "==" in line and not line.startswith("#")]  # fmt: skip


ELSEWHERE = {"verl", "serve-ray"}
"""Extras of an environment of their own, or of packages that no test of every day needs; HEAD says what they bring."""


def direct() -> dict[str, str]:
    """Name the packages of ``pyproject.toml``, each with its extra; what every installation has comes first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"everything": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, str] = {}
    for group, requirements in groups.items():
        if group in ELSEWHERE:
            continue
        for requirement in requirements:
            name = re.match(r"[\w.-]+", requirement)
            assert name is not None, requirement
            found.setdefault(normalised(name[0]), group)
    return found


def not_allowed(licence: str) -> set[str]:
    """Give the parts of a licence's name, as SPDX joins them, that are not on the list."""
    if re.search(" AND | OR ", licence):
        licence = re.sub("[()]", "", licence)  # of an expression; in names they belong to the name
    return {part.strip() for part in re.split(r";| AND | OR | WITH ", licence)} - ALLOWED


def normalised(name: str) -> str:
    """Write a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    python = parser.parse_args().python
    command = [sys.executable, "-m", "piplicenses", "--python", python, "--format=json", "--from=mixed", "--with-system"]  # fmt: skip
    installed = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
    # Some packages give the whole text, which begins with the name.
    licences = {normalised(found["Name"]): found["License"].splitlines()[0] for found in installed}
    extras = direct()
    names = sorted({*pinned(), *extras} & licences.keys())
    missing = {*pinned(), *extras} - licences.keys()
    if missing:
        print(f"not installed, and so not in the list: {', '.join(sorted(missing))}")
    refused = {name: licences[name] for name in names if not_allowed(licences[name])}
    rows = (f"| {name} | {extras.get(name, 'another package')} | {licences[name]} |" for name in names)  # fmt: skip
    LIST.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"{LIST.relative_to(ROOT)}: {len(names)} packages")
    if refused:
        sys.exit(f"look at these licences, and allow them in .ci/licences.py or do without: {refused}")  # fmt: skip


if __name__ == "__main__":
    main()
