"""The end of a driver's work: latency is measured, unless the driver is stopped or overtaken."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.handover.submission import Ending
from orchestrator.execution.job import Outcome, ShouldStop
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores
from orchestrator.upkeep.latency import forget_latency
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import FakeExecutor, FakeRay, quiet, run, states
from vss.errors import UserError

pytestmark = pytest.mark.usefixtures("tracker")


def finish(job: object, number: int) -> Outcome:
    return Outcome(State.FINISHED)


def act_on_latency(
    monkeypatch: pytest.MonkeyPatch, fake: FakeExecutor, act: Callable[[ShouldStop], object]
) -> None:
    """Do something while latency is measured."""
    measure = fake.measure_latency

    def measure_latency(*arguments: Any) -> Any:
        act(arguments[-1])
        return measure(*arguments)

    monkeypatch.setattr(fake, "measure_latency", measure_latency)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_measurement_is_made_by_the_next_submit(
    number: int,
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console = quiet()
    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, lambda should_stop: os.kill(os.getpid(), number))
        submission = run(experiment, target, console)
        rest = submission.describe_rest("tiny", ["submit", "tiny.yaml"])
    calls: list[object] = []
    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, calls.append)
        again = run(experiment, target)

    assert (submission.ending, submission.exit_code) == (Ending.INTERRUPTED, 130)
    assert states(submission) == ["FINISHED"] * 4
    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "stopped: rerun the same command to measure latency" in output
    assert rest.startswith("every trial has ended; resume with: ")
    assert (again.ending, len(calls)) == (Ending.OVER, 1)


@pytest.mark.slow
def test_spec_can_do_without_latency(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, calls.append)
        run(load_spec(write_spec(TINY_SPEC + "measure_latency: false\n")), target)
        assert calls == []
        run(load_spec(write_spec(TINY_SPEC)), target)

    assert len(calls) == 1


@pytest.mark.slow
def test_time_left_is_shown_after_each_process(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    console = quiet()

    with fake_ray(finish):
        run(experiment, target, console)

    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "measured 1 of 2 times, about 0:00 left" in output


@pytest.mark.slow
def test_forgotten_latency_is_measured_once_more(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    stores = Stores(target.settings)
    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, calls.append)
        run(experiment, target)
        run(experiment, target)
        calls_before = len(calls)

        forget_latency("tiny", stores)

        run(experiment, target)
        run(experiment, target)
    assert (calls_before, len(calls)) == (1, 2)


@pytest.mark.slow
def test_latency_that_was_never_measured_cannot_be_forgotten(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    with fake_ray(finish):
        run(load_spec(write_spec(TINY_SPEC + "measure_latency: false\n")), target)

    with pytest.raises(UserError, match="MLflow at .* has no latency of 'tiny'; submit its spec"):
        forget_latency("tiny", Stores(target.settings))


@pytest.mark.slow
def test_cancelled_experiment_stops_its_measurement(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(target.settings.ledger_url)

    def cancel(should_stop: ShouldStop) -> None:
        ledger.upkeep.cancel_experiment("tiny")
        while not should_stop():
            pass
        raise KeyboardInterrupt

    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, cancel)
        submission = run(experiment, target)

    assert submission.ending == Ending.CANCELLED


@pytest.mark.slow
def test_activity_is_in_the_ledger_while_latency_is_measured(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    activities: list[str | None] = []

    def read(should_stop: ShouldStop) -> None:
        lease = ledger.lease("tiny")
        activities.append(lease.activity if lease else None)

    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, read)
        run(experiment, target)

    assert activities == ["measuring the latency of 2 cells, one at a time"]


@pytest.mark.slow
def test_driver_that_was_overtaken_measures_nothing(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Driver, "take_lease", lambda driver, name: next(answers))
    answers = iter([True, False])
    calls: list[object] = []

    with fake_ray(finish) as fake:
        act_on_latency(monkeypatch, fake, calls.append)
        submission = run(experiment, target)

    assert (submission.ending, calls) == (Ending.LEFT, [])
