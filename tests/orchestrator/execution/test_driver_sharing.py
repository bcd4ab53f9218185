"""Drivers that share an experiment: what joins it, and who runs what."""

from pathlib import Path

import pytest
import sqlalchemy as sa
import torch

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import (
    Events,
    Job,
    Outcome,
    SlotSize,
)
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.ledger import tables
from orchestrator.ledger.entries import Claim, ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import TINY_SPEC, SpecWriter, save_weights
from tests.orchestrator.execution.fakes import FakeRay, quiet, record, run, states

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.mark.slow
def test_cells_and_seeds_that_are_added_meanwhile_join(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    wider = TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0, 1, 2]").replace(
        "  memory:", "  wide: {head: fcn, width: 16}\n  memory:"
    )
    larger = load_spec(write_spec(wider))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target)
        return Outcome(State.FINISHED)

    with fake_ray(script) as fake:
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 9
    assert set(fake.starts) == {trial.trial_id for trial in larger.trials}


@pytest.mark.slow
def test_trial_that_joined_without_its_files_is_left_to_its_own_submit(
    experiment: Experiment,
    target: RunTarget,
    write_spec: SpecWriter,
    fake_ray: FakeRay,
    tmp_path: Path,
) -> None:
    """The ledger knows the digest of a weights file, not its path."""
    save_weights({"a": torch.zeros(1)}, tmp_path / "start.safetensors")
    tuned = "  tuned: {head: fcn, weights: start.safetensors}\n  memory:"
    larger = load_spec(write_spec(TINY_SPEC.replace("  memory:", tuned)))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target)
        return Outcome(State.FINISHED)

    with fake_ray(script):
        submission = run(experiment, target)

    assert {t.cell: t.state for t in submission.trials} == {
        "image": State.FINISHED, "tuned": State.PENDING, "memory": State.FINISHED,
    }  # fmt: skip


@pytest.mark.slow
def test_trial_that_joined_with_unknown_settings_is_left_to_its_own_submit(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    """A newer version of the program may know more settings."""
    wide = "  wide: {head: fcn, width: 16}\n  memory:"
    larger = load_spec(write_spec(TINY_SPEC.replace("  memory:", wide)))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target)
        with sa.create_engine(target.settings.ledger_url).begin() as db:
            db.execute(
                sa.update(tables.trials)
                .where(tables.trials.c.settings.contains('"width": 16'))
                .values(settings='{"wit": 3}')
            )
        return Outcome(State.FINISHED)

    with fake_ray(script) as fake:
        run(experiment, target)

    assert set(fake.starts) == {trial.trial_id for trial in experiment.trials}


@pytest.mark.slow
def test_trial_that_joined_with_different_data_is_left_to_its_own_submit(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    """A worker would refuse the data of this submit, and the trial would fail for good."""
    wide = "  wide: {head: fcn, width: 16}\n  memory:"
    larger = load_spec(write_spec(TINY_SPEC.replace("  memory:", wide)))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target, {"wide": "f" * 64})
        return Outcome(State.FINISHED)

    with fake_ray(script):
        submission = run(experiment, target)

    assert {t.cell: t.state for t in submission.trials} == {
        "image": State.FINISHED, "wide": State.PENDING, "memory": State.FINISHED,
    }  # fmt: skip


@pytest.mark.slow
def test_two_submits_share_what_is_left(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    """The other submit takes a trial whenever this one has started one."""
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)
    theirs: list[str] = []

    with ledger.driver() as other:

        def script(job: Job, n: int) -> Outcome:
            ready = [trial for trial in other.open_trials("tiny") if trial.can_start()]
            for claim in other.claim([trial.trial_id for trial in ready[:1]]):
                theirs.append(claim.trial_id)
                other.end(claim, State.FINISHED, None, None)
            return Outcome(State.FINISHED)

        with fake_ray(script) as fake:
            submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert len(theirs) == len(fake.starts) == 2
    assert not set(theirs) & set(fake.starts)


@pytest.mark.slow
def test_trial_that_another_submit_claims_first_is_waited_for(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)
    last = experiment.trials[-1].trial_id

    with ledger.driver() as other, fake_ray(lambda job, n: Outcome(State.FINISHED)) as fake:
        free_slots, poll = fake.free_slots, fake.poll
        claims: list[Claim] = []

        def claim_the_last_one(size: SlotSize, job_count: int) -> int:
            if job_count == 1 and not claims:
                claims.extend(other.claim([last]))
            return free_slots(size, job_count)

        def poll_while_the_other_ends(events: Events, seconds: float) -> None:
            if fake.is_idle:
                other.end(claims[0], State.FINISHED, None, None)
            poll(events, seconds)

        monkeypatch.setattr(fake, "free_slots", claim_the_last_one)
        monkeypatch.setattr(fake, "poll", poll_while_the_other_ends)
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert last not in fake.starts


@pytest.mark.slow
def test_trial_of_a_submit_that_dies_is_taken_over(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)

    with ledger.driver() as other:
        (claim,) = other.claim([experiment.trials[-1].trial_id])

        def script(job: Job, n: int) -> Outcome:
            if len(fake.starts) == 3:
                other.release_claims()
            return Outcome(State.FINISHED)

        with fake_ray(script) as fake:
            submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert claim.trial_id in fake.starts


@pytest.mark.slow
def test_trial_that_another_driver_runs_is_waited_for(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    shared = experiment.trials[0].config
    data = ExperimentData(experiment, target.data, target.settings)
    member = Member(PlannedTrial("a", shared), data.fingerprint(shared))
    ledger.add(ExperimentEntry("first"), [member])
    console = quiet()

    with ledger.driver() as other, fake_ray(lambda job, n: Outcome(State.FINISHED)) as fake:
        (claim,) = other.claim([shared.trial_id])
        other.start(claim, 0, None)
        poll = fake.poll

        def poll_while_the_other_ends(events: Events, seconds: float) -> None:
            if fake.is_idle:
                other.end(claim, State.FINISHED, None, None)
            poll(events, seconds)

        monkeypatch.setattr(fake, "poll", poll_while_the_other_ends)
        submission = run(experiment, target, console)

    assert states(submission) == ["FINISHED"] * 4
    assert shared.trial_id not in fake.starts
    assert "waiting for 1 trial that another submit is running" in console.file.getvalue()  # type: ignore[attr-defined]
