"""Real faults: a study of 8 short trials, one fault per round, and what it left.

    python -m tests.faults.real --minutes 3 --seed 1 [--results faults.jsonl]

Ray is real, so is the MLflow server, and the ledger is on PostgreSQL where its programs are. The
first round is undisturbed. Each round appends a row to the results; a rerun goes on after the last.
Exits with 1 if a round of this run broke a promise.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.faults.checks import find_violations, weights_digests
from tests.faults.injection import FAULTS, NEEDS_NOBODY
from tests.faults.round import Round, Services

_MOST_ROUNDS = 10_000


def read_rows(results: Path) -> list[dict[str, object]]:
    """Return the rows of earlier rounds."""
    if not results.is_file():
        return []
    return [json.loads(line) for line in results.read_text().splitlines()]


def choose_fault(seed: int, number: int) -> str:
    """Return the fault of a round: all of them by turns, in an order that the seed decides."""
    order = sorted(FAULTS)
    random.Random(seed).shuffle(order)
    return order[number % len(order)]


def run_round(number: int, seed: int, fault: str, expected: dict[str, str]) -> dict[str, object]:
    """Run a study with one fault, and return its row."""
    rng = random.Random(f"{seed} {number}")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vss-fault-") as folder, Services(Path(folder)) as all_:
        study = Round(all_, rng)
        study.submit()
        if fault != "none":
            study.wait_for_progress()
            FAULTS[fault](study)
        study.finish()
        digests = weights_digests(study)
        violations = find_violations(study, expected or digests)
        if fault in NEEDS_NOBODY and len(study.commands) > 1:
            violations.append("a second submit was needed")
        if violations:
            print(*study.outputs(), sep="\n", file=sys.stderr)
        seconds = round(time.monotonic() - start, 1)
        row = {"round": number, "seed": seed, "fault": fault, "submits": len(study.commands)}
        row |= {"seconds": seconds, "violations": violations, "ledger": all_.ledger_kind}
        return row | ({"digests": digests} if fault == "none" else {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=3, help="no round starts after these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"))
    parser.add_argument("--fault", choices=sorted(FAULTS), help="always this one")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    rows, broken = read_rows(options.results), 0
    while time.monotonic() < end and len(rows) < _MOST_ROUNDS:
        number = len(rows)
        undisturbed = next((row for row in rows if row["fault"] == "none"), None)
        fault = options.fault or choose_fault(options.seed, number)
        fault = "none" if undisturbed is None else fault
        expected = undisturbed["digests"] if undisturbed else {}
        row = run_round(number, options.seed, fault, expected)  # type: ignore[arg-type]
        rows.append(row)
        with options.results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        broken += bool(row["violations"])
        print(
            f"{number:4} {fault:20} {row['seconds']:6} s  {row['violations'] or 'ok'}", flush=True
        )
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as reason:
        sys.exit(f"skipped: {reason}")
