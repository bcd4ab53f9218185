"""The prepared view of an experiment in MLflow's UI: its columns, groups, order and charts.

MLflow keeps a shared view as a tag of its experiment, which the UI opens by the view's key. The
format is the one that the "Share" button of MLflow 3 writes; keys that a later version does not
know are ignored by it.
"""

import base64
import json
import time
import uuid
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mlflow import MlflowClient

from orchestrator.tracking.pictures import list_pictures

VIEW_TAG = "mlflow.sharedViewState."
SECTION, PICTURES_SECTION = "At a glance", "Predictions on val"
_COLUMN_PIXELS = 130
DIFFERENCE, LATENCY = "difference_points", "latency_ms"


def study_metric(metric: str, experiment: str) -> str:
    """Return the name of a metric that a trial has within an experiment; it may be in several."""
    return f"{metric}/{experiment}"


def share_view(
    client: MlflowClient,
    experiment_id: str,
    experiment: str,
    varying: Sequence[str],
    run_id: str | None,
) -> bool:
    """Keep the views of an experiment, unless they are there.

    Args:
        client: the connection to the store.
        experiment_id: the experiment of MLflow.
        experiment: our experiment.
        varying: the settings in which its cells differ.
        run_id: the run of one of its trials, which log pictures of the same frames, or None.

    Returns:
        whether there is a view of pictures.
    """
    views = {experiment: build_view(experiment, varying)}
    if pictures := list_pictures(client, run_id) if run_id else set():
        views[picture_view(experiment)] = build_picture_view(experiment, pictures)
    tags = client.get_experiment(experiment_id).tags
    for name, view in views.items():
        if not is_same_view(tags.get(f"{VIEW_TAG}{name}"), view):
            client.set_experiment_tag(experiment_id, f"{VIEW_TAG}{name}", view)
    return len(views) > 1


def picture_view(experiment: str) -> str:
    """Return the key of the view of an experiment's pictures; no experiment has such a name."""
    return f"{experiment}:pictures"


def build_view(experiment: str, varying: Sequence[str]) -> str:
    """Return the text of the tag that holds the view of an experiment.

    Args:
        experiment: name of the experiment.
        varying: the settings in which its cells differ.
    """
    columns = [
        "metrics.`miou`",
        f"metrics.`{study_metric(DIFFERENCE, experiment)}`",
        *(f"params.`{name}`" for name in varying),
        "metrics.`train_seconds`",
        f"metrics.`{study_metric(LATENCY, experiment)}`",
    ]
    section = _uuid(experiment, "section")
    state = {
        **_common_state(experiment),
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, _COLUMN_PIXELS),
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": f"experiment/{experiment}"}],
        },
        "useGroupedValuesInCharts": True,
        "compareRunCharts": _charts(experiment, section, varying),
        "compareRunSections": [_section(section, SECTION), *_other_sections(experiment)],
    }
    return _envelope(experiment, state)


def build_picture_view(experiment: str, pictures: Collection[tuple[str, int]]) -> str:
    """Return the text of the tag that holds the view of an experiment's pictures, by trial: the UI
    shows none of groups.

    Args:
        experiment: name of the experiment.
        pictures: key and step of pictures that its trials log.
    """
    section = _uuid(experiment, "pictures")
    columns = ["metrics.`miou`"]
    state = {
        **_common_state(experiment),
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, _COLUMN_PIXELS),
        "groupBy": None,
        "useGroupedValuesInCharts": False,
        "compareRunCharts": [
            # A table: a row a frame, a column a trial.
            {
                **_card("IMAGE", experiment, "pictures", section),
                "imageKeys": sorted({key for key, _ in pictures}),
                "step": max(step for _, step in pictures),
                "showRunParams": False,
            }
        ],
        "compareRunSections": [
            {**_section(section, PICTURES_SECTION), "columns": 1, "cardHeight": 600},
            *_other_sections(experiment),
        ],
    }
    return _envelope(picture_view(experiment), state)


def _common_state(experiment: str) -> dict[str, Any]:
    return {
        "searchFilter": f"tags.`experiment/{experiment}` LIKE '%' AND tags.trial_id LIKE '%'",
        "orderByKey": "metrics.`miou`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
        "runsHiddenMode": "FIRST_20_RUNS",
    }


def _envelope(name: str, state: Mapping[str, Any]) -> str:
    now = int(time.time() * 1000)
    return json.dumps({"name": name, "createdAt": now, "updatedAt": now, "state": _pack(state)})


def _pack(state: Mapping[str, Any]) -> str:
    """Compress a state as the UI does: a tag has 5000 characters in some databases."""
    text = json.dumps(state, separators=(",", ":"))
    return f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"


def is_same_view(first: str | None, second: str) -> bool:
    """Return whether two views differ in nothing but their times."""
    if first is None:
        return False
    try:
        return bool(json.loads(first)["state"] == json.loads(second)["state"])
    except (ValueError, KeyError, TypeError):  # somebody else's tag
        return False


def _charts(experiment: str, section: str, varying: Sequence[str]) -> list[dict[str, Any]]:
    latency = {"key": study_metric(LATENCY, experiment), "type": "METRIC"}
    charts = [
        _scatter(experiment, "mIoU against latency in ms", latency, section),
        _line(experiment, "val/miou", "mIoU on val over steps", section),
        _line(experiment, "train/loss", "training loss over steps", section),
    ]
    if "memory_length" in varying:
        memory = {"key": "memory_length", "type": "PARAM"}
        charts.insert(1, _scatter(experiment, "mIoU by memory length", memory, section))
    else:
        charts.append(_bar(experiment, "miou", "mIoU on test", section))
    return charts


def _scatter(
    experiment: str, name: str, horizontal: Mapping[str, str], section: str
) -> dict[str, Any]:
    return {
        **_card("SCATTER", experiment, name, section),
        "xaxis": dict(horizontal),
        "yaxis": {"key": "miou", "type": "METRIC"},
        "runsCountToCompare": 100,
    }


def _line(experiment: str, metric: str, name: str, section: str) -> dict[str, Any]:
    return {
        **_card("LINE", experiment, name, section),
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _bar(experiment: str, metric: str, name: str, section: str) -> dict[str, Any]:
    return {**_card("BAR", experiment, name, section), "metricKey": metric}


def _card(kind: str, experiment: str, name: str, section: str) -> dict[str, Any]:
    return {
        "uuid": _uuid(experiment, f"{kind} {name}"),
        "type": kind,
        "runsCountToCompare": 10,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "displayName": name,
    }


def _other_sections(experiment: str) -> list[dict[str, Any]]:
    """Return the sections to which the UI adds charts of all other metrics: closed, below ours."""
    ours = [study_metric(name, "").rstrip("/") for name in (DIFFERENCE, LATENCY)]
    names = ["Model metrics", "train", "val", "iou", *ours, "System metrics"]
    return [_section(_uuid(experiment, name), name) for name in names]


def _section(identity: str, name: str) -> dict[str, Any]:
    return {
        "uuid": identity,
        "name": name,
        "display": name in (SECTION, PICTURES_SECTION),
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
    }


def _uuid(experiment: str, name: str) -> str:
    """Return an id that stays the same whenever the view is built again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{experiment}/{name}"))
