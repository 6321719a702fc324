"""The findings of an audit are shown on one HTML page that opens from disk: nothing on it comes from a network."""

import functools
import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rlsr
from rlsr.auditing.result import AttackExample, Audit
from rlsr.auditing.thresholds import OverallVerdict, Verdict
from rlsr.report.audit_charts import attacks_chart, worst_attack
from rlsr.report.audit_histograms import attack_names, rewards_chart
from rlsr.report.page import render_page
from rlsr.report.text_file import write_text
from rlsr.statistics.in_words import NOTHING

_SYMBOLS: dict[Verdict | OverallVerdict, str] = {
    "ok": "✓", "warn": "▲", "fail": "✗", "left out": NOTHING, "not enough": NOTHING
}  # fmt: skip
_GROUPS = (
    ("attacks", "Attacks", "Can a worthless answer score higher than an honest one?"),
    ("signal", "Signal", "Does the reward tell a policy's own samples apart?"),
    ("biases", "Biases", "Does the reward follow something other than quality?"),
    ("agreement", "Agreement", "Does the reward rank answers as the people did who judged them?"),
)
_HEADLINES: dict[OverallVerdict, str] = {
    "fail": "Do not train on this reward as it is",
    "warn": "Usable, with warnings",
    "ok": "No check found a fault",
    "not enough": "Too little was measured to trust this reward",
}
# Bytes of HTML for the texts of all examples together; with the charts' library the page stays under 2 MB.
_EXAMPLE_BYTES = 800_000
_EXAMPLE_CHARACTERS = 4_000


def write_audit_page(file: Path, audit: Audit) -> Path:
    """Write an audit as one self-contained HTML page.

    Args:
        file: Where to; its directory exists; an older file is replaced.
        audit: The audit.

    Returns:
        The file: under 2 MB, with long texts of examples cut; the JSON has them whole.

    Raises:
        MissingPackageError: A library that the page needs is not installed.
        RunError: The file cannot be written there.
    """
    return write_text(file, audit_page(audit))


def audit_page(audit: Audit) -> str:
    """Compose the page of an audit.

    Args:
        audit: The audit.

    Returns:
        HTML. Every text of the user is escaped, and the page's content policy lets no script run but its own two.

    Raises:
        MissingPackageError: A library that the page needs is not installed.
    """
    limit = _character_limit(audit.examples)
    return render_page(
        "audit.html.j2",
        _content(audit),
        styles=["page.css", "audit.css"],
        scripts=["audit.js"],
        filters={"details": _details, "cut": functools.partial(_cut, limit=limit)},
        purpose="write an audit's page",
    )


def _content(audit: Audit) -> dict[str, Any]:
    # Names once each, in the order of the examples.
    shown_attacks = list(dict.fromkeys(example.attack for example in audit.examples))
    scored_attacks = attack_names(audit)
    return {
        "audit": audit,
        "version": rlsr.__version__,
        "symbols": _SYMBOLS,
        "headline": _HEADLINES[audit.verdict],
        "tally": _tally(audit),
        "groups": [
            (title, question, checks)
            for group, title, question in _GROUPS
            if (checks := [check for check in audit.checks if check.group == group])
        ],
        "charts": {"attacks": attacks_chart(audit), "rewards": rewards_chart(audit)},
        "scored_attacks": scored_attacks,
        "first_scored": worst_attack(audit, scored_attacks),
        "shown_attacks": shown_attacks,
        "first_shown": worst_attack(audit, shown_attacks),
    }


def _tally(audit: Audit) -> str:
    """Count the verdicts in words; checks that were left out are counted apart."""
    checks, left_out = audit.checks, audit.num_left_out
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in _SYMBOLS}
    made = len(checks) - left_out
    text = f"Of {made} {'check' if made == 1 else 'checks'} {counts['fail']} failed, {counts['warn']} warned and {counts['ok']} found nothing."
    if left_out:
        text += f" {left_out} {'was' if left_out == 1 else 'were'} left out, with the reason below."
    return text


def _details(details: Mapping[str, float]) -> str:
    """List further numbers; ``auc_low`` and ``auc_high`` stand behind ``auc`` as its interval."""
    ends = {f"{name}{end}" for name in details for end in ("_low", "_high")}
    parts = []
    for name, value in details.items():
        if name in ends:
            continue
        low, high = details.get(f"{name}_low"), details.get(f"{name}_high")
        interval = "" if low is None or high is None else f" [{_short(low)}, {_short(high)}]"
        parts.append(f"{name.replace('_', ' ')} {_short(value)}{interval}")
    return " · ".join(parts)


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else NOTHING


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]} […{len(text) - limit} more characters in the JSON]"


def _character_limit(examples: Sequence[AttackExample]) -> int:
    """Choose how much of each text of the examples is shown, so that the page keeps its size."""
    texts = [
        text for row in examples for text in (row.prompt, row.reference, row.honest, row.attacked)
    ]
    limit = _EXAMPLE_CHARACTERS
    while limit > 1 and sum(_html_bytes(text[:limit]) for text in texts) > _EXAMPLE_BYTES:
        limit //= 2
    return limit


def _html_bytes(text: str) -> int:
    return len(html.escape(text).encode("utf-8", errors="backslashreplace"))
