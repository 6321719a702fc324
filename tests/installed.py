"""Packages of other people: a module with its dist-info, as an installer leaves them in a directory."""

from collections.abc import Mapping
from pathlib import Path


def install(
    directory: Path, package: str, source: str, entry_points: Mapping[str, Mapping[str, str]]
) -> Path:
    """Put a package of one module into a directory that Python can import from.

    Args:
        directory: Made if it is not there.
        package: Its name on the index; the module has the same, with underscores.
        source: Of the module.
        entry_points: By group, what stands in the module by name.
    """
    module = package.replace("-", "_")
    facts = directory / f"{module}-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{name} = {module}:{value}" for name, value in points.items())]
    (facts / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (directory / f"{module}.py").write_text(source, encoding="utf-8")
    return directory
