from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from reports import plots
from reports.comparison import Study
from reports.records import ExperimentRecord
from reports.tables import overview
from tests.reports.conftest import finished, record


def colours(path: Path) -> set[tuple[int, ...]]:
    with Image.open(path) as image:
        return {tuple(c) for c in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}


BASELINE, OTHER = (194, 65, 12), (29, 78, 216)


def test_scatter_shows_baseline_and_others(study: ExperimentRecord, tmp_path: Path) -> None:
    path = tmp_path / "a.png"

    assert plots.accuracy_against_latency(overview(Study(study)), "base", path)
    assert {BASELINE, OTHER} <= colours(path)


def test_cell_without_latency_is_left_out(study: ExperimentRecord, tmp_path: Path) -> None:
    unmeasured = replace(study, costs={"base": study.costs["base"]})
    path = tmp_path / "a.png"

    assert plots.accuracy_against_latency(overview(Study(unmeasured)), "base", path)
    assert BASELINE in colours(path)
    assert OTHER not in colours(path)


def test_nothing_measured_draws_nothing(study: ExperimentRecord, tmp_path: Path) -> None:
    unmeasured = replace(study, costs={})
    pending = record([replace(run, state="PENDING") for run in study.runs])
    path = tmp_path / "a.png"

    assert not plots.accuracy_against_latency(overview(Study(unmeasured)), "base", path)
    assert not plots.seeds_by_cell(pending, path)
    assert not path.exists()


def test_every_seed_is_a_dot(study: ExperimentRecord, tmp_path: Path) -> None:
    path = tmp_path / "s.png"

    assert plots.seeds_by_cell(study, path)
    assert {BASELINE, OTHER} <= colours(path)


def test_odd_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    odd = record([finished("$a_{b}$ |<", 0, 0.4), finished(r"\frac{", 0, 0.5)])

    assert plots.seeds_by_cell(odd, tmp_path / "s.png")
    assert plots.accuracy_against_latency(overview(Study(odd)), odd.baseline, tmp_path / "a.png")
