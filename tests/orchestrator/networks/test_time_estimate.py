"""The time of trials, as earlier ones took."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from orchestrator.ledger.entries import Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.tables import attempts, trials
from orchestrator.networks.time_estimate import estimate_trial_seconds
from orchestrator.settings import Settings
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.ledger.conftest import STUDY


def finish(settings: Settings, trial_id: str, seconds: float) -> None:
    """Record that a trial has finished at its first attempt."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    attempt = {"trial_id": trial_id, "number": 1, "state": State.FINISHED, "first_step": 0}
    times = {"started_at": start, "ended_at": start + timedelta(seconds=seconds)}
    with sa.create_engine(settings.ledger_url).begin() as db:
        of_trial = sa.update(trials).where(trials.c.trial_id == trial_id)
        db.execute(of_trial.values(state=State.FINISHED))
        db.execute(sa.insert(attempts).values(**attempt, **times))


def test_time_follows_from_similar_trials_and_their_steps(
    settings: Settings, write_spec: SpecWriter
) -> None:
    earlier = load_spec(write_spec(TINY_SPEC))
    ledger = Ledger(settings.ledger_url)
    ledger.add(STUDY, [Member(trial, "f" * 64) for trial in earlier.trials])
    finish(settings, earlier.trials[0].trial_id, seconds=8)

    longer = load_spec(write_spec(TINY_SPEC.replace("steps: 4", "steps: 40")))

    assert estimate_trial_seconds(longer, settings) == {"image": 80.0}


def test_without_a_ledger_nothing_is_known(settings: Settings, write_spec: SpecWriter) -> None:
    assert estimate_trial_seconds(load_spec(write_spec(TINY_SPEC)), settings) == {}
    assert not settings.has_ledger
