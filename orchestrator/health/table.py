"""The findings of the doctor as a table on a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from orchestrator.health.finding import Finding, Level
from orchestrator.terminal.counts import count_of

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def build_health_table(findings: Sequence[Finding]) -> Table:
    """Return a table with one row per finding: its level, what was seen, and the remedy."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("check", "result", "details"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
        level = Text(finding.level, style=_STYLES[finding.level])
        table.add_row(finding.subject, level, Text(f"{finding.text}{remedy}"))
    return table


def summarise(findings: Sequence[Finding]) -> str:
    """Return the number of problems and warnings."""
    counts = Counter(finding.level for finding in findings)
    problems = count_of(counts[Level.PROBLEM], "problem")
    return f"{problems}, {count_of(counts[Level.WARNING], 'warning')}"
