"""Ask for known vulnerabilities of the pinned dependencies; what could not be asked is said, and is not "none found".

Exit code 1 where there are some, and with ``--require`` also where there was no data to be had.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
COMMAND = (sys.executable, "-m", "pip_audit", "-r", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json")  # fmt: skip


def verdict(dependencies: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Say what was found.

    Args:
        dependencies: As pip-audit lists them: ``name``, and ``vulns`` or ``skip_reason``.

    Returns:
        The exit code, and lines for people. Nothing asked is 2.
    """
    asked = [found for found in dependencies if "skip_reason" not in found]
    lines = [
        f"{found['name']} {found['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for found in asked
        for one in found["vulns"]
    ]
    if not asked:
        return 2, ["not audited: the index knows none of the packages, as a mirror does without data on vulnerabilities"]  # fmt: skip
    left_out = [found["name"] for found in dependencies if "skip_reason" in found]
    more = f"; not audited: {', '.join(left_out)}" if left_out else ""
    return int(bool(lines)), [*lines, f"{len(asked)} packages audited, {len(lines)} known vulnerabilities{more}"]  # fmt: skip


def main() -> None:
    """Audit and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require", action="store_true", help="fail where there is no data")
    required = parser.parse_args().require
    run = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    if run.stdout.lstrip().startswith("{"):
        code, lines = verdict(json.loads(run.stdout)["dependencies"])
    else:
        reason = (run.stderr.strip().splitlines() or ["pip-audit says nothing"])[-1]
        code, lines = 2, [f"not audited: {reason}"]
    print("\n".join(lines))
    sys.exit(code if required or code == 1 else 0)


if __name__ == "__main__":
    main()
