"""What people read after a run or an audit. Loads no torch, and what draws a page only when one is written."""

from rlsr.report.audit_json import write_audit_json
from rlsr.report.audit_page import write_audit_page
from rlsr.report.follow import follow_report
from rlsr.report.report_page import write_report

__all__ = [
    "follow_report",
    "write_audit_json",
    "write_audit_page",
    "write_report",
]
