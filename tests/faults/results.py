"""The table of real faults, made from the results of a campaign.

python -m tests.faults.results faults.jsonl     # prints Markdown
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HEAD = "| fault | rounds | faults | survived | submits | recovery (s) | round (s) |"
_RULE = "|---|--:|--:|--:|--:|--:|--:|"


def read_rows(results: Path) -> list[dict[str, Any]]:
    """Return the rows of earlier rounds."""
    if not results.is_file():
        return []
    return [json.loads(line) for line in results.read_text().splitlines()]


def tabulate(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table with a line for each kind of fault, and one for all."""
    lines = [_HEAD, _RULE]
    for fault in sorted({row["fault"] for row in rows}, key=lambda name: (name != "none", name)):
        lines.append(_line(fault, [row for row in rows if row["fault"] == fault]))
    return "\n".join([*lines, _line("**all**", rows)])


def summarise(rows: Sequence[dict[str, Any]]) -> str:
    """Return one line about all rounds."""
    broken = sum(bool(row["violations"]) for row in rows)
    faults = sum(row["faults"] for row in rows)
    verdict = "all promises kept" if not broken else f"{broken} rounds broke a promise"
    return f"{len(rows)} rounds, {faults} faults: {verdict}"


def _line(name: str, rows: Sequence[dict[str, Any]]) -> str:
    survived = sum(not row["violations"] for row in rows)
    faults = sum(row["faults"] for row in rows)
    recoveries = [row["recovery_seconds"] for row in rows if row["recovery_seconds"] is not None]
    ranges = [
        _range([row["submits"] for row in rows]),
        _range(recoveries),
        _range([row["seconds"] for row in rows]),
    ]
    return f"| {name} | {len(rows)} | {faults} | {survived} | {' | '.join(ranges)} |"


def _range(values: Sequence[float]) -> str:
    """Return the least and the greatest value."""
    if not values:
        return ""
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"


if __name__ == "__main__":
    print(tabulate(read_rows(Path(sys.argv[1]))))
