"""The prepared view of an experiment in MLflow's own UI, in a real browser.

The browser is the system's Chromium; without it, this test is skipped.
"""

import shutil

import pytest

from orchestrator.tracking.study_run import StudyNumbers
from orchestrator.tracking.tracker import Tracker
from orchestrator.tracking.ui_server import mlflow_server
from tests.conftest import free_port
from tests.orchestrator.tracking.test_tracker import experiment

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 120_000  # milliseconds, against hanging alone


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
def test_view_shows_scores_of_cells_and_their_charts(tracker: Tracker) -> None:
    trials = {}
    for cell, miou in (("no memory", 0.25), ("memory", 0.75)):
        run = tracker.open_trial(f"{cell}, seed 0", cell, None, {"experiment/study": cell})
        run.log([("miou", 1, miou), ("val/miou", 1, miou), ("val/miou", 2, miou)])
        trials[run.run_id] = {"difference_points/study": 100 * (miou - 0.25)}
    study = tracker.open_experiment_run(experiment())
    tracker.log_study(study, StudyNumbers({}, trials))
    tracker.share_view("study", ["head"])

    with (
        mlflow_server(tracker.uri, free_port()) as address,
        playwright.sync_playwright() as starter,
    ):
        browser = starter.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=PATIENCE
        )
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/{tracker.runs_page('study')}")

        groups = page.get_by_text("Group: ")
        groups.nth(1).wait_for()
        assert [group.split(": ")[1] for group in groups.all_inner_texts()] == [
            "memory", "no memory",
        ]  # fmt: skip  # best first
        page.get_by_text("difference_points/study").first.wait_for()
        page.goto("about:blank")
        page.goto(f"{address}/{tracker.runs_page('study')}&compareRunsMode=CHART")
        page.get_by_text("At a glance").wait_for()
        browser.close()
