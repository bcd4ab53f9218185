"""The power of a study before it runs: the source of the variances, and the estimates."""

from pathlib import Path

import pytest

from orchestrator.networks.power_estimate import PowerEstimate, estimate_power
from orchestrator.results.earlier_study import find_earlier_study
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

CAMVID_QUICK = Path(__file__).parents[3] / "experiments" / "results" / "camvid_quick"
SYNTHETIC_DATA = "dataset: synthetic\n  clips: 2"
CAMVID = TINY_SPEC.replace(SYNTHETIC_DATA, "dataset: camvid")
CITYSCAPES = TINY_SPEC.replace(SYNTHETIC_DATA, "dataset: cityscapes")


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    return load_spec(write_spec(CAMVID.replace("seeds: [0, 1]", "seeds: [0, 1, 2, 3]")))


def estimate(
    experiment: Experiment, like: str | None, folder: Path, settings: Settings
) -> PowerEstimate:
    earlier = find_earlier_study(experiment, like, folder, settings)
    return estimate_power(experiment, earlier, settings)


@pytest.mark.slow
def test_committed_results_on_the_same_dataset_are_the_default(
    experiment: Experiment, tmp_path: Path, settings: Settings
) -> None:
    power = estimate(experiment, None, tmp_path, settings)

    assert power.source == "paper_reduced_camvid_image_models"
    assert 0.1 < power.seed_deviation < 5
    assert power.test_set_deviation > 0
    assert [row.seeds for row in power.rows] == [3, 4, 5, 10, 20]
    assert [row.seeds for row in power.rows if row.is_planned] == [4]
    assert [row.trials for row in power.rows] == [6, 8, 10, 20, 40]
    assert {row.hours for row in power.rows} == {None}
    points = [row.points for row in power.rows]
    assert points == sorted(points, reverse=True)


@pytest.mark.slow
def test_study_can_be_named_by_its_folder_or_its_name(
    experiment: Experiment, tmp_path: Path, settings: Settings
) -> None:
    by_folder = estimate(experiment, str(CAMVID_QUICK), tmp_path, settings)

    assert by_folder == estimate(experiment, "camvid_quick", tmp_path, settings)


@pytest.mark.slow
def test_looks_need_a_larger_difference_and_save_trials_where_it_is_large(
    write_spec: SpecWriter, tmp_path: Path, settings: Settings
) -> None:
    spec_with_looks = CAMVID.replace("seeds: [0, 1]", "seeds: {from: 3, to: 5}")
    spec_with_a_list = CAMVID.replace("seeds: [0, 1]", f"seeds: {list(range(5))}")

    grown, fixed = (
        estimate(load_spec(spec), None, tmp_path, settings)
        for spec in map(write_spec, (spec_with_looks, spec_with_a_list))
    )

    rows = [{row.seeds: row for row in power.rows} for power in (grown, fixed)]
    assert [seeds for seeds, row in rows[0].items() if row.is_planned] == [3, 4, 5]
    assert rows[0][3].points > rows[1][3].points
    assert fixed.growth == ()
    assert grown.most_trials == 10
    none, *_, largest = grown.growth
    assert (none.points, largest.settled, largest.settled_by_all_seeds) == (0, 1, 1)
    assert largest.trainings < 7 < 9 < none.trainings <= 10
    assert none.settled < 0.15


@pytest.mark.slow
def test_unknown_study_is_refused_with_the_remedy(
    experiment: Experiment, write_spec: SpecWriter, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(UserError, match="--like nowhere is neither an experiment in the ledger"):
        estimate(experiment, "nowhere", tmp_path, settings)
    with pytest.raises(UserError, match="no committed results on cityscapes: name a study"):
        estimate(load_spec(write_spec(CITYSCAPES)), None, tmp_path, settings)
