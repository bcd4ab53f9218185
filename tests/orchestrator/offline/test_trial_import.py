"""The import of trials from offline machines."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.offline.export import export
from orchestrator.settings import Settings
from orchestrator.spec.file import load_spec
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC
from vss.__main__ import FINISHED, main
from vss.profiling import latency


@pytest.fixture(scope="module")
def trained_trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train three of the tiny experiment's four trials, and measure the latency of one."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "spec.yaml").write_text(TINY_SPEC)
    files = export(load_spec(folder / "spec.yaml"), folder / "exported")
    for number, file in enumerate(files[:3]):
        options = ["--latency"] if number == 0 else []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(latency, "PROCESSES", 1)  # each takes seconds to start
            assert main([str(file), "--storage", str(folder / "results"), *options]) == FINISHED
    return folder / "results"


@pytest.fixture
def results(trained_trials: Path, tmp_path: Path) -> Path:
    """Return a copy of the results that a test may damage."""
    shutil.copytree(trained_trials, tmp_path / "results")
    return tmp_path / "results"


def directories(results: Path) -> list[Path]:
    return sorted(path.parent for path in results.glob("*/result.json"))


@pytest.mark.slow
def test_imported_trials_look_like_local_ones_and_appear_once(
    run: Any, results: Path, settings: Settings, tracker: Tracker, tmp_path: Path
) -> None:
    result = run("import", results)
    second_result = run("import", results)

    assert (result.code, second_result.code) == (0, 0)
    assert result.out.count(": imported: tiny, ") == 3
    assert second_result.out.count(": already in the ledger: tiny, ") == 3
    trials = Ledger(settings.ledger_url).trials("tiny")
    assert [trial.state for trial in trials] == [State.FINISHED] * 3
    client = MlflowClient(tracking_uri=tracker.uri)
    runs = client.search_runs([tracker.experiment_id], "tags.trial_id LIKE '%'")
    assert len(runs) == 3
    assert all(r.info.status == "FINISHED" and "miou" in r.data.metrics for r in runs)
    assert len(client.get_metric_history(runs[0].info.run_id, "train/loss")) == 4
    assert all((settings.storage.folder / path.name / "result.json").exists() for path in
               directories(results))  # fmt: skip
    assert (settings.report_folder("tiny") / "report.md").exists()

    # The same spec then trains only what is missing.
    (tmp_path / "spec.yaml").write_text(TINY_SPEC)
    assert run("submit", tmp_path / "spec.yaml", "--in-process").code == 0
    all_trials = Ledger(settings.ledger_url).trials("tiny")
    assert [trial.state for trial in all_trials] == [State.FINISHED] * 4
    assert [(t.trial_id, t.run_id, t.attempts) for t in all_trials[:3]] == [
        (t.trial_id, t.run_id, t.attempts) for t in trials
    ]


def damage_json(folder: Path) -> None:
    (folder / "result.json").write_text("{")


def damage_weights(folder: Path) -> None:
    content = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(content[:100])


def damage_score(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text())
    result["metrics"]["miou"] += 0.1
    (folder / "result.json").write_text(json.dumps(result))


def damage_settings(folder: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "seed": 77}))


def drop_curves(folder: Path) -> None:
    (folder / "curves.csv").unlink()


def break_spec(folder: Path) -> None:
    trial = json.loads((folder / "trial.json").read_text())
    trial["experiment"]["source"] = "just words"
    (folder / "trial.json").write_text(json.dumps(trial))


def leave_unfinished(folder: Path) -> None:
    (folder / "result.json").unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_json, "cannot read result.json"),
        (damage_weights, "cannot read weights.safetensors"),
        (damage_score, "result.json has mIoU"),
        (damage_settings, "config.json belongs to trial"),
        (drop_curves, "cannot read curves.csv"),
        (break_spec, "cannot read trial.json"),
        (leave_unfinished, "not finished: it has no result.json"),
    ],
)
def test_damaged_directory_is_named_and_skipped(
    damage: Any, reason: str, run: Any, results: Path, settings: Settings, tracker: Tracker
) -> None:
    damaged_directory = directories(results)[0]
    damage(damaged_directory)

    result = run("import", results, "--no-pictures")

    assert result.code == 1
    assert f"{damaged_directory.name}: skipped: " in result.out
    assert reason in result.out
    assert result.out.count(": imported: ") == 2
    assert not (settings.storage.folder / damaged_directory.name).exists()


@pytest.mark.slow
def test_different_results_for_a_finished_trial_are_refused(
    run: Any, results: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", results, "--no-pictures")
    path = directories(results)[0] / "result.json"
    different = {**json.loads(path.read_text()), "data_fingerprint": "0" * 64}
    path.write_text(json.dumps(different))

    result = run("import", results, "--no-pictures")

    assert result.code == 1
    assert "already in MLflow with different results (there: mIoU " in result.out


@pytest.mark.slow
def test_directory_without_a_trial_file_needs_the_spec(
    run: Any, results: Path, tracker: Tracker, tmp_path: Path
) -> None:
    (folder,) = directories(results)[:1]
    (folder / "trial.json").unlink()
    (tmp_path / "spec.yaml").write_text(TINY_SPEC)

    without_spec = run("import", folder)
    with_spec = run("import", folder, "--spec", tmp_path / "spec.yaml")

    assert without_spec.code == 1
    assert "it has no trial.json: add --spec with the spec of this trial" in without_spec.out
    assert with_spec.code == 0


@pytest.mark.slow
def test_folder_without_trials_is_refused(run: Any, tmp_path: Path) -> None:
    result = run("import", tmp_path)

    assert result.code == 2
    assert "no trial directory in" in result.err


@pytest.mark.slow
def test_spec_that_searches_settings_does_not_name_trials(
    run: Any, results: Path, tmp_path: Path
) -> None:
    search = "tune: {search: {learning_rate: [0.01, 0.02]}, samples: 2}\n"
    (tmp_path / "spec.yaml").write_text(TINY_SPEC + search)

    result = run("import", results, "--spec", tmp_path / "spec.yaml")

    assert result.code == 2
    assert "states in each cell what was found, without tune" in result.err
