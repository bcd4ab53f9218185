"""Studies from Python."""

from pathlib import Path

import pytest

from orchestrator.settings import Settings
from orchestrator.study import read_cells, read_trials, submit
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

SPEC = TINY_SPEC + "measure_latency: false\n"


@pytest.mark.slow
@pytest.mark.usefixtures("tracker")
def test_study_goes_from_a_spec_to_tables(
    write_spec: SpecWriter,
    settings: Settings,
    synthetic_cache: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.cache.symlink_to(synthetic_cache)

    name = submit(write_spec(SPEC), ["steps=2"], in_process=True)

    assert name == "tiny"
    assert "4/4" in capsys.readouterr().out
    trials, cells = read_trials(name), read_cells(name, "pixel_accuracy")
    assert list(trials["state"]) == ["FINISHED"] * 4
    assert list(cells["cell"]) == ["image", "memory"]
    assert list(cells["verdict"]) == ["baseline", "no verdict"]  # two seeds
    scores = trials[trials["cell"] == "memory"]["pixel_accuracy"]
    assert cells["score"][1] == pytest.approx(scores.mean())


def test_unknown_experiment_is_named(write_spec: SpecWriter) -> None:
    with pytest.raises(UserError, match="nothing has been submitted in"):
        read_trials("tiny")


def test_spec_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.yaml"):
        submit(tmp_path / "nowhere.yaml")
