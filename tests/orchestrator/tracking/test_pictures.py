"""Pictures of runs by step, in MLflow's own layout."""

import io
import re

import pytest
from mlflow import MlflowClient
from PIL import Image

from orchestrator.tracking.pictures import list_pictures
from orchestrator.tracking.tracker import Tracker
from vss.training.inputs import Picture


def draw() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 2), "red").save(buffer, format="png")
    return buffer.getvalue()


def names_of_files(client: MlflowClient, run_id: str) -> list[str]:
    return sorted(file.path for file in client.list_artifacts(run_id, "images"))


def without_time_and_id(name: str) -> str:
    return re.sub(r"timestamp\+\d+\+[0-9a-f-]{36}", "timestamp+T+ID", name)


@pytest.mark.slow
def test_files_are_named_as_those_of_mlflow(tracker: Tracker) -> None:
    client = MlflowClient(tracking_uri=tracker.uri)
    ours, theirs = (tracker.open_trial(name, name, None, {}) for name in ("ours", "theirs"))

    ours.log_picture(Picture("clip/1#2", 40, draw()), milliseconds=1234567890123)

    client.log_image(
        theirs.run_id, Image.new("RGB", (6, 2)), key="val prediction/clip-1-2", step=40
    )
    names, expected_names = (
        [without_time_and_id(name) for name in names_of_files(client, run.run_id)]
        for run in (ours, theirs)
    )
    assert names == expected_names
    assert client.get_run(ours.run_id).data.tags["mlflow.loggedImages"] == "True"
    assert client.get_run(theirs.run_id).data.tags["mlflow.loggedImages"] == "True"


@pytest.mark.slow
def test_resumed_trial_does_not_repeat_pictures(tracker: Tracker) -> None:
    client = MlflowClient(tracking_uri=tracker.uri)
    first = tracker.open_trial("a", "a", None, {})
    first.log_picture(Picture("clip/1", 40, draw()), milliseconds=1)

    resumed = tracker.open_trial("a", "a", first.run_id, {})
    resumed.log_picture(Picture("clip/1", 40, draw()), milliseconds=2)
    resumed.log_picture(Picture("clip/1", 60, draw()), milliseconds=3)

    assert len(names_of_files(client, first.run_id)) == 4
    assert list_pictures(client, first.run_id) == {
        ("val prediction/clip-1", 40),
        ("val prediction/clip-1", 60),
    }
