"""Training on DEVICE: eager and compiled, fp32 and bf16, stopped and resumed."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import TINY, TINY_MEMORY
from tests.device import DEVICE, device_suite_only
from tests.gpu.training import STEADY_SETTINGS, losses, run, weights
from vss import catalog
from vss.training.multi_gpu import Replica
from vss.trial_config import parse_settings

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
# All options of batches and losses together.
ALL_OPTIONS: dict[str, Any] = {
    **TINY_MEMORY, "batch_size": 4, "photometric": "per_frame", "scale_min": 0.5, "scale_max": 2.0,
    "crop_width": 32, "crop_height": 24, "crop_max_class_share": 0.9, "ohem_threshold": 0.7,
    "class_weights": "median_frequency", "gradient_clip": 1.0, "eval_every": 2,
    "select": "best_val", "window": 32, "window_stride": 16,
}  # fmt: skip


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 5e-2)])
def test_losses_equal_those_of_the_cpu(
    precision: str, tolerance: float, tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings({**STEADY_SETTINGS, "precision": precision})

    run(config, tmp_path / "cpu", synthetic_cache, Replica(device=CPU))
    run(config, tmp_path / "device", synthetic_cache)

    expected = losses(tmp_path / "cpu", config)
    np.testing.assert_allclose(losses(tmp_path / "device", config), expected, rtol=tolerance)


@device_suite_only
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 5e-2)])
def test_compiled_steps_have_the_losses_of_eager_ones(
    precision: str, tolerance: float, tmp_path: Path, synthetic_cache: Path
) -> None:
    eager, compiled = (
        parse_settings({**STEADY_SETTINGS, "precision": precision, "compile": is_compiled})
        for is_compiled in (False, True)
    )

    run(eager, tmp_path, synthetic_cache)
    run(compiled, tmp_path, synthetic_cache)

    expected = losses(tmp_path, eager)
    np.testing.assert_allclose(losses(tmp_path, compiled), expected, rtol=tolerance)


@pytest.mark.parametrize("head", catalog.HEADS)
def test_every_head_trains_in_bf16(head: str, tmp_path: Path, synthetic_cache: Path) -> None:
    row = catalog.HEADS[head]
    memory = {"memory_length": 2 * row.uses_memory, "include_current_frame": row.uses_memory}
    config = parse_settings({**TINY, "head": head, **memory, "precision": "bf16", "steps": 2})

    result = run(config, tmp_path, synthetic_cache, max_scored_frames=2)

    assert result is not None
    assert all(math.isfinite(loss) for loss in losses(tmp_path, config))
    assert weights(tmp_path, config).isfinite().all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_all_options_together_give_a_complete_result(
    precision: str, tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings({**ALL_OPTIONS, "precision": precision})

    result = run(config, tmp_path, synthetic_cache)

    assert result is not None
    assert 0 <= result.metrics["miou"] <= 1
    assert result.peak_memory_mib > 0
    assert result.step_ms_median is not None
    environment = json.loads((tmp_path / config.trial_id / "environment.json").read_text())
    assert environment["device_type"] == DEVICE.type


def test_student_learns_from_a_teacher(tmp_path: Path, synthetic_cache: Path) -> None:
    teacher = parse_settings(STEADY_SETTINGS)
    run(teacher, tmp_path, synthetic_cache)
    student = parse_settings(
        {
            **STEADY_SETTINGS,
            "teacher": teacher.trial_id,
            "distillation_weight": 1.0,
            "temperature": 2.0,
        }
    )
    file = tmp_path / teacher.trial_id / "weights.safetensors"

    result = run(student, tmp_path, synthetic_cache, teacher=teacher, teacher_weights=file)

    assert result is not None
    assert all(math.isfinite(loss) for loss in losses(tmp_path, student))


@pytest.fixture
def _deterministic() -> Iterator[None]:
    """Use kernels that give equal bits where CUDA has them; the others only warn."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.filterwarnings("ignore:.*does not have a deterministic implementation")
@pytest.mark.usefixtures("_deterministic")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_resumed_run_differs_no_more_than_two_uninterrupted_ones(
    precision: str, tmp_path: Path, synthetic_cache: Path
) -> None:
    """On a CPU, uninterrupted runs are bit-identical, so the resumed run must be, too."""
    config = parse_settings({**TINY_MEMORY, "precision": precision, "steps": 6})
    answers = iter([False, False, False, True])

    run(config, tmp_path / "whole", synthetic_cache)
    run(config, tmp_path / "again", synthetic_cache)
    stopped = run(config, tmp_path / "resumed", synthetic_cache, should_stop=lambda: next(answers))
    run(config, tmp_path / "resumed", synthetic_cache)

    whole, again, resumed = (
        weights(tmp_path / name, config) for name in ("whole", "again", "resumed")
    )
    assert stopped is None
    spread = float((again - whole).norm() / whole.norm())
    assert DEVICE.type == "cuda" or spread == 0
    assert spread < 1e-2
    assert float((resumed - whole).norm() / whole.norm()) <= 10 * spread
