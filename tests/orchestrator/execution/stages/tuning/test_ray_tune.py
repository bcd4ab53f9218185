"""What Ray Tune answers in its own process."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution.stages.tuning.ray_tune import RayTune, check_installed
from orchestrator.spec.tuning.tune import Tune
from vss.errors import UserError

pytestmark = pytest.mark.slow

SEARCH = {
    "learning_rate": {"log_uniform": [1e-4, 1e-2]},
    "dropout": {"uniform": [0.1, 0.5]},
    "weight_decay": [0, 1e-4, 1e-2],
}


def tune(**changes: Any) -> Tune:
    return Tune(**{"search": SEARCH, "samples": 12, **changes})


@pytest.fixture(scope="module")
def ray_tune() -> Iterator[RayTune]:
    """Ray Tune, whose process is started once, as it takes seconds."""
    searcher = RayTune()
    yield searcher
    searcher.close()


def test_random_samples_lie_in_their_ranges_and_repeat_themselves(ray_tune: RayTune) -> None:
    samples = ray_tune.propose(tune(), [])

    assert len(samples) == 12
    assert all(1e-4 <= sample["learning_rate"] <= 1e-2 for sample in samples)
    assert all(0.1 <= sample["dropout"] <= 0.5 for sample in samples)
    assert {sample["weight_decay"] for sample in samples} == {0, 1e-4, 1e-2}
    assert len({sample["learning_rate"] for sample in samples}) == 12
    assert ray_tune.propose(tune(samples=20), [])[:12] == samples
    assert ray_tune.propose(tune(first_seed=5), []) != samples


def test_optuna_proposes_batches_that_follow_from_the_scores(ray_tune: RayTune) -> None:
    spec = tune(searcher="optuna")
    first = ray_tune.propose(spec, [])

    second = ray_tune.propose(spec, [0.1, 0.2, 0.3, 0.4])

    assert len(first) == 4
    assert second[:4] == first
    assert len(second) == 8
    assert ray_tune.propose(tune(searcher="optuna", samples=6), [0.1, 0.2, 0.3, 0.4]) == second[:6]


@pytest.mark.parametrize(
    ("scores", "survivors"),
    [
        ([0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.4, 0.35], [4, 5, 6]),
        ([0.3, 0.1], [0]),
        ([0.2], [0]),
        ([], []),
    ],
)
def test_about_the_best_third_goes_on_in_whatever_order_they_ended(
    ray_tune: RayTune, scores: list[float], survivors: list[int]
) -> None:
    assert ray_tune.find_survivors(900, 100, scores) == survivors


def test_failure_of_the_process_is_explained() -> None:
    searcher = RayTune()

    with pytest.raises(UserError, match=r"Ray Tune cannot search: KeyError: 'nonsense'"):
        searcher.ask({"ask": "nonsense"})

    searcher.close()


def test_process_that_was_killed_is_asked_again(ray_tune: RayTune) -> None:
    ray_tune.find_survivors(900, 100, [0.1, 0.2])
    assert ray_tune._process is not None
    ray_tune._process.kill()

    assert ray_tune.find_survivors(900, 100, [0.4, 0.2]) == [0]


def test_process_that_is_killed_again_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -9 $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    with pytest.raises(UserError, match=r"was killed \(signal 9\): run the same command again"):
        RayTune().find_survivors(900, 100, [0.1])


def test_missing_optuna_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(UserError, match=r"pip install 'vss-orch\[optuna\]', or write searcher"):
        check_installed(tune(searcher="optuna"))
