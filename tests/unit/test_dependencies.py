"""Every dependency has a licence that binds nobody, and what could not be audited is not called safe."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    """Import a script of the CI."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


licences, audit = script("licences"), script("audit")


def listed() -> dict[str, tuple[str, str]]:
    """Read the list: by package, what needs it, and its licence."""
    lines = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]  # fmt: skip
    return {name: (group, licence) for name, group, licence in cells[1:]}


def test_every_pinned_package_is_listed_with_a_licence_that_is_allowed() -> None:
    found = listed()
    assert set(licences.pinned()) <= found.keys()
    assert not {name for name, (_, licence) in found.items() if licences.not_allowed(licence)}


def test_every_direct_dependency_is_listed_under_what_needs_it() -> None:
    found = listed()
    # Not everybody installs these, and no run needs them.
    wanted = {name: group for name, group in licences.direct().items() if group not in {"audit", "fuzz"}}  # fmt: skip
    assert {name: found[name][0] for name in wanted} == wanted


@pytest.mark.parametrize(
    "licence",
    ["GPL-3.0-only", "MIT AND GPL-2.0", "UNKNOWN", "Other/Proprietary License", "GNU Affero General Public License v3"],
)  # fmt: skip
def test_a_licence_that_binds_is_refused(licence: str) -> None:
    assert licences.not_allowed(licence)


def test_an_audit_says_what_it_found() -> None:
    safe = {"name": "a", "version": "1", "vulns": []}
    broken = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    unknown = {"name": "c", "skip_reason": "not found on PyPI"}
    assert audit.verdict([safe]) == (0, ["1 packages audited, 0 known vulnerabilities"])
    code, lines = audit.verdict([safe, broken, unknown])
    assert code == 1
    assert lines == ["b 2: CVE-1, mended in 3", "2 packages audited, 1 known vulnerabilities; not audited: c"]  # fmt: skip


def test_an_audit_of_nothing_is_none() -> None:
    code, lines = audit.verdict([{"name": "c", "skip_reason": "not found on PyPI"}])
    assert code == 2
    assert lines[0].startswith("not audited:")
