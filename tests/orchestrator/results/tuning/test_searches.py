"""The searches of an experiment as its report sees them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.results.tuning.searches import explain_open_searches, read_searches
from reports.records import SearchRecord
from tests.conftest import TINY_SPEC

TUNE = """tune:
  search: {learning_rate: {log_uniform: [0.001, 1]}}
  samples: 3
  scheduler: asha
  with_common: true
"""
RATES = [0.001, 0.03, 0.5]


def sample(
    number: int, last_step: int, score: float | None, state: State = State.FINISHED
) -> TrialStatus:
    settings = {"steps": 9, "stop_step": last_step % 9, "learning_rate": RATES[number]}
    return TrialStatus(
        trial_id=f"{number}-{last_step}", cell="image", seed=70 + number, settings=settings,
        state=state, attempts=1, message=None, run_id=f"run-{number}-{last_step}", step=last_step,
        loss=None, miou=None, first_step=0, started_at=None, heartbeat_at=None, score=score,
        sample=number,
    )  # fmt: skip


class FakeTracker:
    """Every run took as many seconds as its last step."""

    def read_runs(self, run_ids: Sequence[str]) -> dict[str, Any]:
        return {
            run: SimpleNamespace(metrics={"train_seconds": float(run.rpartition("-")[2])})
            for run in run_ids
        }


def search(*samples: TrialStatus, source: str = TINY_SPEC + TUNE) -> list[SearchRecord]:
    status = ExperimentStatus("tiny", "", source, "image", None, datetime.now(UTC))
    return read_searches(status, samples, FakeTracker())  # type: ignore[arg-type]


FIRST = [sample(0, 1, 0.1), sample(1, 1, None, State.FAILED), sample(2, 1, 0.3)]


def test_samples_are_joined_over_their_milestones() -> None:
    (record,) = search(*FIRST, sample(2, 3, 0.5), sample(2, 9, 0.7))

    assert [each.steps for each in record.samples] == [1, 1, 9]
    assert [each.first_score for each in record.samples] == [0.1, None, 0.3]
    assert [each.score for each in record.samples] == [0.1, None, 0.7]
    assert [each.train_seconds for each in record.samples] == [1.0, None, 9.0]
    assert [each.is_best for each in record.samples] == [False, False, True]
    assert (record.steps, record.first_steps, record.common_cell) == (9, 1, "image common")


def test_best_value_at_the_end_of_its_range_is_noted() -> None:
    (record,) = search(sample(0, 9, 0.7), sample(2, 9, 0.3))

    assert record.borders == {"learning_rate": "lower"}


def test_spec_without_a_search_has_none() -> None:
    assert search(*FIRST, source=TINY_SPEC) == []


def test_verdicts_wait_for_searches_that_may_still_find_something() -> None:
    failed = [sample(number, 1, None, State.FAILED) for number in range(3)]

    assert explain_open_searches([], FIRST) == ("the search for the settings of 1 cell is not over")
    assert explain_open_searches([], failed) is None
    assert explain_open_searches([sample(0, 9, 0.1)], FIRST) is None
