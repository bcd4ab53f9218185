"""MLflow's own UI as a researcher sees it: the prepared view, two runs compared, and one run.

The browser is the system's Chromium; without it, these tests are skipped. One server shows two
trials, which are logged as workers log them.
"""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator.tracking.pages import pictures_page, run_page, runs_page
from orchestrator.tracking.study_run import StudyNumbers
from orchestrator.tracking.tracker import Tracker
from orchestrator.tracking.ui_server import BROWSER_HOST, mlflow_server
from tests.browser import WIDTHS, open_browser, open_page, take_screenshot
from tests.conftest import free_port
from tests.orchestrator.tracking.test_tracker import RESULT, experiment, write_directory
from vss.training.inputs import Picture

pytestmark = pytest.mark.slow
SCORES = {"no memory": 0.25, "memory": 0.75}
STEPS = (100, 200, 300)
FRAMES = ("clip/000010", "clip/000020")


@pytest.fixture(scope="module")
def store(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """Return a tracking store with a study of two finished trials."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(empty_store, folder / "mlflow.db")
    tracker = Tracker(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    trials = {cell: log_trial(tracker, cell, miou, folder) for cell, miou in SCORES.items()}
    numbers = {
        run_id: {"difference_points/study": 100 * (SCORES[cell] - 0.25), "latency_ms/study": 5.0}
        for cell, run_id in trials.items()
    }
    study = tracker.open_experiment_run(experiment())
    tracker.log_study(study, StudyNumbers({"miou/memory": 0.75}, numbers, "the answer"))
    tracker.close_experiment_run(study, finished=True)
    tracker.share_view("study", ["memory_length"], trials["memory"])
    return tracker


def log_trial(tracker: Tracker, cell: str, miou: float, folder: Path) -> str:
    """Log a finished trial with curves, the load of its machine and pictures."""
    run = tracker.open_trial(f"{cell}, seed 0", cell, None, {"experiment/study": cell})
    for step in STEPS:
        curves = [("train/loss", step, 100 / step), ("val/miou", step, miou * step / 300)]
        system = [("system/cpu_utilization_percentage", step, 50.0)]
        run.log([*curves, *system], 1_700_000_000_000 + 1000 * step)
        for frame in FRAMES:
            run.log_picture(Picture(frame, step, draw(step)), 1_700_000_000_000 + 1000 * step)
    result = {**vars(RESULT), "metrics": {**RESULT.metrics, "miou": miou}}
    run.finish(type(RESULT)(**result), write_directory(folder / cell))
    return run.run_id


def draw(step: int) -> bytes:
    """Draw a picture whose colour tells the step."""
    content = io.BytesIO()
    Image.new("RGB", (192, 128), (step % 256, 80, 160)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="module")
def address(store: Tracker) -> Iterator[str]:
    """Serve the store; return the address that `ui` would print."""
    port = free_port()
    with mlflow_server(store.uri, port):
        yield f"http://{BROWSER_HOST}:{port}"


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Any]:
    """Start Chromium."""
    with open_browser() as browser:
        yield browser


def trial_runs(store: Tracker) -> dict[str, str]:
    """Return the runs of the trials by cell."""
    return {cell: str(store.find_run_id(cell)) for cell in SCORES}


@pytest.fixture
def run_address(store: Tracker, address: str) -> Callable[..., str]:
    """Return a function that returns the address of a tab of a trial's run."""
    run_id = trial_runs(store)["memory"]
    return lambda tab="": f"{address}/{run_page(store.experiment_id, run_id, tab)}"


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    """Open an empty page of a browser that has not been here before, light unless a test asks."""
    form, scheme = getattr(request, "param", ("screen", "light"))
    with open_page(browser, WIDTHS[form], scheme) as page:
        yield page
        take_screenshot(page, request.node.name)
        # It would cover a quarter of the page.
        assert page.get_by_text("MLflow Assistant").count() == 0


def test_view_lists_cells_by_their_score(page: Any, store: Tracker, address: str) -> None:
    page.goto(f"{address}/{runs_page(store.experiment_id, 'study')}")

    groups = page.get_by_text("Group: ")
    groups.nth(1).wait_for()
    cells = [group.split(": ")[1] for group in groups.all_inner_texts()]
    assert cells == ["memory", "no memory"]  # best first
    page.get_by_text("difference_points/study").first.wait_for()


def test_charts_begin_with_those_of_the_study(page: Any, store: Tracker, address: str) -> None:
    page.goto(f"{address}/{runs_page(store.experiment_id, 'study')}&compareRunsMode=CHART")

    page.get_by_text("At a glance").wait_for()
    for chart in ("latency_ms/study", "memory_length", "val/miou", "train/loss"):
        # The page has hidden elements of the same text.
        page.wait_for_function("text => document.body.innerText.includes(text)", arg=chart)


@pytest.mark.parametrize("page", [("screen", "dark"), ("phone", "dark")], indirect=True)
def test_view_opens_in_the_dark_and_on_a_phone(page: Any, store: Tracker, address: str) -> None:
    page.goto(f"{address}/{runs_page(store.experiment_id, 'study')}")

    page.get_by_text("Sort: miou").wait_for()
    page.get_by_text("0.75").first.wait_for()


def test_pictures_of_all_trials_are_shown_step_by_step(
    page: Any, store: Tracker, address: str
) -> None:
    page.goto(f"{address}/{pictures_page(store.experiment_id, 'study')}")

    page.get_by_text("Predictions on val").wait_for()
    page.get_by_text("val prediction/clip-000020").wait_for()
    assert page.get_by_role("slider").first.get_attribute("aria-valuenow") == str(STEPS[-1])
    page.locator("img[src*='step']").nth(len(FRAMES) * len(SCORES) - 1).wait_for()


def test_run_is_a_training_with_its_scores_and_data(
    page: Any, run_address: Callable[..., str]
) -> None:
    page.goto(run_address())

    page.get_by_text("val/miou").first.wait_for()
    page.get_by_text("synthetic test").first.wait_for()
    assert page.get_by_text("Evaluation runs").count() == 0  # of the mode for chat agents


def test_load_of_the_machine_is_a_page_of_the_run(
    page: Any, run_address: Callable[..., str]
) -> None:
    page.goto(run_address("system-metrics"))

    page.get_by_text("cpu_utilization_percentage").first.wait_for()


def test_files_of_the_run_can_be_read(page: Any, run_address: Callable[..., str]) -> None:
    page.goto(run_address("artifacts"))

    page.get_by_text("config.json").click()
    page.get_by_text("resnet18").first.wait_for()


def test_two_runs_are_compared(page: Any, store: Tracker, address: str) -> None:
    runs = json.dumps(list(trial_runs(store).values()))
    page.goto(f"{address}/#/compare-runs?runs={runs}&experiments=[%22{store.experiment_id}%22]")

    page.get_by_text("Comparing 2 Runs").wait_for()
    page.get_by_text("no memory, seed 0").first.wait_for()
