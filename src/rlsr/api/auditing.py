"""``rlsr.audit``: what ``rlsr audit`` does, from Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.api.frames import to_frame
from rlsr.api.given_data import Data, GivenData
from rlsr.api.progress import Say, silent
from rlsr.api.settings import Config, Settings, given_options, overrides_of, read_layers
from rlsr.api.show import ShownTable
from rlsr.api.training import directory_for
from rlsr.auditing import Audit, Check
from rlsr.auditing.thresholds import OverallVerdict
from rlsr.auditing.whole import AuditSize, audit_data
from rlsr.cli.arguments import model_of
from rlsr.cli.main import prepare_environment
from rlsr.config.layers import merge_layers
from rlsr.config.load import check_config
from rlsr.packages import package_directory
from rlsr.processes import require_one_process
from rlsr.runs.directory import require_free


@dataclass(frozen=True, repr=False)
class AuditResult:
    """What an audit has found."""

    audit: Audit
    """All of it: checks, examples, scores."""
    path: Path
    """The directory with ``audit.json``."""
    page: Path | None
    """``audit.html``; None where the library that draws it is not installed."""

    @property
    def verdict(self) -> OverallVerdict:
        """The worst verdict of all checks; ``not enough`` where too little could be measured."""
        return self.audit.verdict

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a check: its ``verdict``, ``value`` with interval, and why; None where it was left out."""
        return [
            {
                "group": check.group,
                "check": check.name,
                "verdict": check.verdict,
                "value": check.value,
                "low": check.low,
                "high": check.high,
                "num": check.num,
                "reason": check.reason,
                "advice": check.advice,
            }
            for check in self.audit.checks
        ]

    def to_pandas(self) -> Any:
        """Make a pandas frame of ``metrics``.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return to_frame(self.metrics)

    @property
    def _table(self) -> ShownTable:
        audit, page = self.audit, self.page or self.path / "audit.json"
        shown = [check for check in audit.checks if check.verdict != "left out"]
        left_out = len(audit.checks) - len(shown)
        notes = [
            *audit.recommendations,
            *([f"{left_out} of {len(audit.checks)} checks are left out"] if left_out else []),
            f"all of it: {page}",
        ]
        return ShownTable(
            f"the verdict is {audit.verdict}: {audit.reward}, on {audit.num_rows} rows of {audit.data}",
            ("verdict", "check", "why", "value"),
            [_cells(check) for check in shown],
            num_words=3,
            notes=notes,
        )

    def __repr__(self) -> str:
        return f"AuditResult({str(self.path)!r}: {self.verdict})"

    def __str__(self) -> str:
        return self._table.text

    def _repr_html_(self) -> str:
        return self._table.html


def _cells(check: Check) -> tuple[str, ...]:
    value = "" if check.value is None else f"{check.value:.3f}"
    if check.low is not None and check.high is not None:
        value += f" [{check.low:.3f}, {check.high:.3f}]"
    return check.verdict, check.name, check.reason, value


def audit(
    data: Data,
    config: Config = None,
    *,
    model: str | Path | None = None,
    encoders: Sequence[str] = (),
    settings: Settings = (),
    rows: int = 200,
    answer_prompts: int = 64,
    sample_prompts: int = 24,
    samples: int = 4,
    out: str | Path | None = None,
    say: Say | None = print,
) -> AuditResult:
    """Ask before training whether the reward ranks answers rightly on some data.

    Args:
        data: A file, ``builtin:instructions``, a Hugging Face id, or rows in memory, which the directory keeps.
        config: Of the run to be: a YAML file, the same as a table, or several of either.
        model: The policy that answers prompts, the config's if not given; ``none`` asks no policy and leaves checks out.
        encoders: Encoders to compare the config's with.
        settings: Settings over the config, as ``{"reward.similarity.variant": "cosine"}``.
        rows: Most prompts to look at.
        answer_prompts: Prompts that the policy answers once, as the honest answers.
        sample_prompts: Prompts that it draws several samples to.
        samples: Samples to each of them, at least 2.
        out: Directory of the findings; ``audits/NAME-DATE-TIME`` if not given.
        say: Told what happens, line by line; None for silence.

    Raises:
        RlsrError: The data or a setting cannot be used, or the directory is taken.
    """
    require_one_process("rlsr.audit")
    prepare_environment()
    from rlsr.report import write_audit_json, write_audit_page

    given, asks_policy = GivenData.of(data), model != "none"
    policy = model_of(str(model)) if asks_policy and model is not None else None
    layers = read_layers(config)
    overrides = [*overrides_of(settings), *given_options(model=policy)]
    path = directory_for("audits", None, given, [*layers, *overrides], out)
    require_free(path, "findings need", "name another with out")
    with given.kept_in(path) as named:
        found = audit_data(
            check_config(merge_layers(layers, [*named, *overrides])),
            AuditSize(rows, answer_prompts, sample_prompts, samples),
            asks_policy=asks_policy,
            encoders=encoders,
            say=say or silent,
        )
        path.mkdir(parents=True, exist_ok=True)
        write_audit_json(path / "audit.json", found)
    has_page = package_directory("vl_convert") is not None
    if has_page:
        write_audit_page(path / "audit.html", found)
    return AuditResult(found, path, path / "audit.html" if has_page else None)
