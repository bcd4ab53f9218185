"""`python -m vss` on DEVICE, as on an offline machine."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import TINY_MEMORY
from tests.device import DEVICE, device_suite_only
from vss.__main__ import FINISHED, INTERRUPTED
from vss.trial.file import TrialFile
from vss.trial_config import parse_settings


@device_suite_only
def test_stopped_trial_resumes_and_its_latency_is_measured(tmp_path: Path) -> None:
    config = parse_settings({**TINY_MEMORY, "precision": "bf16", "steps": 8, "eval_every": 4})
    trial = TrialFile(
        format=1, trial_id=config.trial_id, settings=config.settings(), cell="memory", position=0,
        experiment={"name": "tiny", "description": "", "baseline": "memory", "source": ""},
        resources={"cpus": 1.0, "gpus": float(DEVICE.type == "cuda")},
        weights=None, teacher=None,
    )  # fmt: skip
    (tmp_path / "trial.json").write_text(trial.text())
    command = [
        sys.executable, "-m", "vss", str(tmp_path / "trial.json"), "--storage", str(tmp_path),
    ]  # fmt: skip

    stopped = subprocess.run([*command, "--stop-after", "0"], capture_output=True, text=True)
    finished = subprocess.run([*command, "--latency"], capture_output=True, text=True)

    assert stopped.returncode == INTERRUPTED, stopped.stderr
    assert finished.returncode == FINISHED, finished.stderr
    folder = tmp_path / config.trial_id
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["device_type"] == DEVICE.type
    assert json.loads((folder / "latency.json").read_text())["cells"]["memory"]["clip"]
