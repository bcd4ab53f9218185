"""What must hold after a round of real faults."""

import hashlib
from collections import Counter

import sqlalchemy as sa
from mlflow import MlflowClient

from orchestrator.ledger import tables
from orchestrator.ledger.entries import OPEN_STATES, State
from orchestrator.ledger.ledger import Ledger
from tests.faults.round import NAME, TRIALS, Round

_CURVES = ("train/loss", "val/miou")
# Of Python, Ray and its C++, MLflow's progress bars and anybody's logger. Our own messages may name
# a raylet.
_FOREIGN_WORDS = ("Traceback", "(raylet", ".cc:", "(pid=", "it/s]", "WARNING")


def weights_digests(study: Round) -> dict[str, str]:
    """Return trial -> digest of its weights."""
    return {
        file.parent.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(study.storage.glob("*/weights.safetensors"))
    }


def find_violations(study: Round, expected_digests: dict[str, str]) -> list[str]:
    """Return the promises that a round has broken."""
    violations = [*_check_ledger(study), *_check_mlflow(study)]
    if study.driver.returncode != 0:
        violations.append(f"the last submit ended with {study.driver.returncode}")
    if weights_digests(study) != expected_digests:
        violations.append("weights differ from an undisturbed run")
    lines = [line for output in study.outputs() for line in output.splitlines()]
    foreign = (line for line in lines if any(word in line for word in _FOREIGN_WORDS))
    violations += [f"foreign output: {line.strip()[:200]}" for line in foreign]
    left = study.wait_until_quiet()
    violations += [f"still running: {line[:100]}" for line in left.values()]
    names = {file.name for file in study.storage.rglob("*") if file.is_file()}
    violations += [f"left behind: {name}" for name in sorted(names) if _is_temporary(name)]
    return violations


def _is_temporary(name: str) -> bool:
    return name.startswith(".") or name.rpartition(".")[2].isdigit()


def _check_ledger(study: Round) -> list[str]:
    ledger = Ledger(study.ledger_url)
    states = Counter(str(trial.state) for trial in ledger.trials(NAME))
    violations = [] if states == {"FINISHED": TRIALS} else [f"trials: {dict(states)}"]
    attempts = tables.attempts.c
    with ledger._engine.connect() as db:
        is_open = attempts.state.in_(OPEN_STATES)
        if db.execute(sa.select(attempts.number).where(is_open)).first():
            violations.append("an attempt has no end")
        finished = sa.select(attempts.trial_id).where(attempts.state == State.FINISHED)
        if max(Counter(db.scalars(finished)).values(), default=1) > 1:
            violations.append("a trial finished twice")
        drivers = [row.pid for row in db.execute(sa.select(tables.drivers))]
    ledger._engine.dispose()
    lost_pids = {command.pid for command in study.commands if command.returncode < 0}
    if set(drivers) - lost_pids:
        violations.append("a driver is still registered")
    return violations


def _check_mlflow(study: Round) -> list[str]:
    client = MlflowClient(tracking_uri=study.services.mlflow.url)
    all_runs = study.services.all_runs()
    runs = [run for run in all_runs if "trial_id" in run.data.tags]
    counts = Counter(run.data.tags["trial_id"] for run in runs)
    violations = [] if len(counts) == TRIALS else [f"{len(counts)} trials in MLflow"]
    violations += [f"{n} runs of trial {trial}" for trial, n in counts.items() if n > 1]
    violations += [f"run {r.info.run_name} is RUNNING" for r in all_runs if _is_running(r)]
    for run in runs:
        for curve in _CURVES:
            steps = Counter(p.step for p in client.get_metric_history(run.info.run_id, curve))
            if not steps or max(steps.values()) > 1:
                violations.append(f"{curve} of {run.info.run_name}: {dict(steps)}")
    return violations


def _is_running(run: object) -> bool:
    return run.info.status == "RUNNING"  # type: ignore[attr-defined, no-any-return]
