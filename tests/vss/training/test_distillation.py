"""Distillation."""

import math
from pathlib import Path

import pytest
import torch

from tests.conftest import TINY_MEMORY, save_weights, tiny
from tests.vss.training.test_loop import run
from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError
from vss.models.layers import resize
from vss.models.segmenter import build_model
from vss.training.distillation import distillation_loss, load_teacher, teacher_logits
from vss.trial_config import TrialConfig, parse_settings

TEACHER = tiny(width=16)


STUDENT = tiny(teacher=TEACHER.trial_id, distillation_weight=10.0)


def test_loss_of_equal_predictions_is_their_entropy() -> None:
    logits = torch.zeros(1, 4, 2, 2)

    loss = distillation_loss(logits, logits, torch.zeros(1, 2, 2, dtype=torch.int64), 1.0)

    assert loss.item() == pytest.approx(math.log(4))


def test_temperature_softens_predictions_and_rescales_the_loss() -> None:
    logits, target = torch.tensor([[[[2.0]], [[0.0]]]]), torch.tensor([[[[4.0]], [[0.0]]]])

    loss = distillation_loss(logits, target, torch.zeros(1, 1, 1, dtype=torch.int64), 2.0)

    probability = 1 / (1 + math.exp(-2.0))
    first, second = math.log(1 + math.exp(-1.0)), math.log(1 + math.exp(1.0))
    assert loss.item() == pytest.approx(4 * (probability * first + (1 - probability) * second))


def test_loss_is_exact_in_double_precision() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(2, 2, 5, 4, 6, dtype=torch.float64, generator=generator)
    labels = torch.randint(5, (2, 4, 6), generator=generator)

    loss = distillation_loss(logits, target, labels, 3.0)

    log_student = torch.log_softmax(logits / 3, dim=1)
    expected = -9 * (torch.softmax(target / 3, dim=1) * log_student).sum(dim=1).mean()
    assert loss.dtype == torch.float64
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


def test_bfloat16_logits_are_compared_in_single_precision() -> None:
    logits, target = torch.randn(2, 1, 3, 2, 2).bfloat16()
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)

    loss = distillation_loss(logits, target, labels, 1.0)

    assert torch.equal(loss, distillation_loss(logits.float(), target.float(), labels, 1.0))


def test_logits_are_compared_at_the_size_of_the_labels() -> None:
    logits, target = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 4, 4)
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)

    loss = distillation_loss(logits, target, labels, 1.0)

    resized = (resize(each, (8, 8)) for each in (logits, target))
    assert torch.equal(loss, distillation_loss(*resized, labels, 1.0))


def test_unlabelled_pixels_teach_nothing() -> None:
    logits = torch.tensor([[[[0.0, 5.0]], [[0.0, -5.0]]]])
    labels = torch.tensor([[[1, IGNORE_LABEL]]])

    loss = distillation_loss(logits, torch.zeros(1, 2, 1, 2), labels, 1.0)

    assert loss.item() == pytest.approx(math.log(2))


def test_batch_without_a_label_teaches_nothing() -> None:
    labels = torch.full((1, 2, 2), IGNORE_LABEL)

    assert distillation_loss(torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2), labels, 1.0) == 0


def test_loss_does_not_depend_on_the_batch() -> None:
    logits, target = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2)
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)

    one = distillation_loss(logits, target, labels, 1.0)
    three = distillation_loss(
        *(x.expand(3, -1, -1, -1) for x in (logits, target)), labels.expand(3, -1, -1), 1.0
    )

    torch.testing.assert_close(one, three)


def test_teacher_has_the_weights_of_its_trial_and_never_a_gradient(tmp_path: Path) -> None:
    torch.manual_seed(5)
    trained = build_model(TEACHER)
    save_weights(trained.state_dict(), tmp_path / "w.safetensors")

    teacher = load_teacher(TEACHER, tiny(), tmp_path / "w.safetensors")

    clip = torch.randn(1, 1, 3, 32, 48)
    target = teacher_logits(teacher, clip)
    torch.testing.assert_close(target, trained.eval()(clip)[0])
    assert not teacher.training
    assert not target.requires_grad
    assert not any(p.requires_grad for p in teacher.parameters())


def test_initial_weights_of_a_teacher_are_not_read_again(tmp_path: Path) -> None:
    trained = build_model(TEACHER)
    save_weights(trained.state_dict(), tmp_path / "w.safetensors")
    pretrained = TEACHER.model_copy(update={"weights": f"sha256:{'0' * 64}"})

    teacher = load_teacher(pretrained, tiny(), tmp_path / "w.safetensors")

    assert torch.equal(
        teacher.state_dict()["backbone.conv1.weight"],
        trained.state_dict()["backbone.conv1.weight"],
    )


def test_image_teacher_reads_the_current_frame_of_a_clip() -> None:
    teacher = load_teacher(TEACHER, parse_settings(TINY_MEMORY), None)
    clip = torch.randn(1, 3, 3, 32, 48)

    assert torch.equal(teacher_logits(teacher, clip), teacher_logits(teacher, clip[:, -1:]))


@pytest.mark.slow
def test_teacher_changes_the_student_and_stays_unchanged(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    run(TEACHER, tmp_path, synthetic_cache)
    weights = tmp_path / TEACHER.trial_id / "weights.safetensors"
    teacher_bytes = weights.read_bytes()

    plain = run(tiny(), tmp_path, synthetic_cache)
    distilled = run(STUDENT, tmp_path, synthetic_cache, teacher=TEACHER, teacher_weights=weights)

    assert plain is not None
    assert distilled is not None
    assert plain.parameters == distilled.parameters
    assert weights.read_bytes() == teacher_bytes
    plain_weights, distilled_weights = (
        (tmp_path / c.trial_id / "weights.safetensors").read_bytes() for c in (tiny(), STUDENT)
    )
    assert plain_weights != distilled_weights


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        (
            tiny(dataset="camvid", clips=None),
            "trained on 'camvid', but the student is trained on 'synthetic'",
        ),
        (
            tiny(head="tma", memory_length=2),
            "reads 2 past frames at frame_stride 1, but the student reads 0",
        ),
    ],
)
def test_incompatible_teacher_is_refused(teacher: TrialConfig, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_teacher(teacher, tiny(), None)


def test_missing_weights_of_a_teacher_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"teacher \w+ has no weights at .*absent.safetensors"):
        load_teacher(TEACHER, tiny(), tmp_path / "absent.safetensors")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 2.0}, "have no effect without a teacher"),
        ({"distillation_weight": 2.0}, "have no effect without a teacher"),
        ({"teacher": "x"}, "teacher 'x' has no effect: set distillation_weight above 0"),
    ],
)
def test_incomplete_distillation_settings_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tiny(**settings)
