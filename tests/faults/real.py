"""Real faults: a study of 8 short trials per round, one fault or a storm of them, what it left.

    python -m tests.faults.real --minutes 3 --seed 1 [--results faults.jsonl] [--fault NAME]

Ray runs on two nodes with networks of their own where this user is root, the MLflow server is real,
and the ledger is on PostgreSQL where its programs are. The first round is undisturbed. Each round
appends a row to the results; a rerun goes on after the last. Exits with 1 if a round of this run
broke a promise.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import find_violations, weights_digests
from tests.faults.disks import DISK_FAULTS
from tests.faults.injection import PROCESS_FAULTS, Fault
from tests.faults.links import LINK_FAULTS
from tests.faults.results import read_rows, summarise
from tests.faults.round import RECOVERY_BOUND_SECONDS, Round
from tests.faults.services import Services, can_make_nodes
from tests.faults.storm import STORM

FAULTS: dict[str, Fault] = {**PROCESS_FAULTS, **DISK_FAULTS, **LINK_FAULTS, **STORM}
NONE = "none"


def choose_fault(seed: int, number: int, on_two_nodes: bool = True) -> str:
    """Return the fault of a round: all of them by turns, in an order that the seed decides."""
    order = sorted(name for name, fault in FAULTS.items() if on_two_nodes or not fault.needs_nodes)
    random.Random(seed).shuffle(order)
    return order[number % len(order)]


def run_round(
    services: Services, number: int, seed: int, name: str, expected: Mapping[str, str]
) -> dict[str, Any]:
    """Run a study with one fault, and return its row."""
    start = time.monotonic()
    fault = FAULTS.get(name, Fault(lambda study: None, needs_nobody=True))
    with (
        tempfile.TemporaryDirectory(prefix="round-", dir=services.folder) as folder,
        Round(services, Path(folder), random.Random(f"{seed} {number}"), fault.variables) as study,
    ):
        lost_before = services.count_lost_messages()
        study.submit()
        if not fault.begins_early:
            study.wait_for_progress()
        if name != NONE and not fault.begins_early:
            study.note_fault()
        fault.strike(study)
        study.finish()
        digests = weights_digests(study)
        violations = find_violations(study, dict(expected) or digests)
        if fault.needs_nobody and len(study.commands) > 1:
            violations.append("a second submit was needed")
        if (study.recovery_seconds or 0) >= RECOVERY_BOUND_SECONDS:
            violations.append("a trial that ran has not been heard of again")
        if violations:
            print(*study.outputs(), sep="\n", file=sys.stderr)
        row = {
            "round": number, "seed": seed, "fault": name,
            "faults": study.faults or int(name != NONE),
            "strikes": study.strikes, "submits": len(study.commands),
            "recovery_seconds": study.recovery_seconds,
            "seconds": round(time.monotonic() - start, 1),
            "lost_messages": services.count_lost_messages() - lost_before,
            "violations": violations, "on": services.kind,
        }  # fmt: skip
        return row | ({"digests": digests} if name == NONE else {})


def run_campaign(options: argparse.Namespace) -> bool:
    """Run rounds until the time is over; return whether all promises were kept."""
    rows, on_two_nodes = read_rows(options.results), can_make_nodes()
    earlier_rows = len(rows)
    with (
        tempfile.TemporaryDirectory(prefix="vssf-", dir="/tmp") as folder,
        Services(Path(folder), on_two_nodes) as services,
    ):
        end = time.monotonic() + 60 * options.minutes
        while time.monotonic() < end and len(rows) < earlier_rows + options.rounds:
            number = len(rows)
            undisturbed = next((row for row in rows if row["fault"] == NONE), None)
            name = options.fault or choose_fault(options.seed, number, on_two_nodes)
            name = NONE if undisturbed is None else name
            expected = undisturbed["digests"] if undisturbed else {}
            row = run_round(services, number, options.seed, name, expected)
            rows.append(row)
            with options.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"{number:4} {name:32} {row['seconds']:6} s  {row['violations'] or 'ok'}",
                flush=True,
            )
    print(f"\nreal faults: {summarise(rows[earlier_rows:])}")
    return not any(row["violations"] for row in rows[earlier_rows:])


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # also in the background
        signal.signal(number, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=3, help="no round starts after these")
    parser.add_argument("--rounds", type=int, default=10_000, help="at most so many rounds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"))
    parser.add_argument("--fault", choices=[NONE, *sorted(FAULTS)], help="always this one")
    return 0 if run_campaign(parser.parse_args()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as reason:
        sys.exit(f"skipped: {reason}")
