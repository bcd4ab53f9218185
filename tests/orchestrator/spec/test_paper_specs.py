"""The specs of the paper's questions, at full and at reduced scale."""

from pathlib import Path

import pytest

from orchestrator.networks.source_check import check_sources
from orchestrator.spec.file import load_spec
from vss.catalog import HEADS

PAPER = Path(__file__).parents[3] / "experiments" / "paper"
FULL = sorted(PAPER.glob("*.yaml"))
REDUCED = sorted(PAPER.glob("reduced/**/*.yaml"))
PRETRAINED = PAPER / "reduced" / "camvid" / "recipe.yaml"  # alone, it trains the backbone
# All that a reduced spec may change of a cell, besides `base`.
_POSITION = "position_code"
# The teacher of distillation may be a wider ResNet-18: a ResNet-101 takes too long to train.
_REPLACED = {
    (f"reduced/{folder}/distillation.yaml", "teacher", "backbone")
    for folder in ("camvid", "longer")
}
# The cells that a reduced spec may have besides those of the full one: on CamVid, all others start
# from `pretraining`; where memory pays, a student with a memory has a teacher with one.
_PRETRAINING = "pretraining"
_ADDED = {_PRETRAINING, "TMANet, teacher"}


@pytest.mark.parametrize("path", [*FULL, *REDUCED], ids=lambda p: str(p.relative_to(PAPER)))
def test_spec_can_be_planned(path: Path) -> None:
    experiment = load_spec(path)

    check_sources(experiment)
    assert experiment.margin_points == 0.5
    assert experiment.looks[0] >= 3


@pytest.mark.parametrize(
    "path", [p for p in REDUCED if p != PRETRAINED], ids=lambda p: str(p.relative_to(PAPER))
)
def test_reduced_spec_asks_the_question_of_the_full_one(path: Path) -> None:
    full, reduced = load_spec(PAPER / path.name), load_spec(path)

    assert [cell for cell in reduced.cells if cell not in _ADDED] == list(full.cells)
    assert reduced.published == full.published
    for cell in full.cells:
        config = reduced.cells[cell]
        compared = ("head", "backbone", "memory_length", "include_current_frame")
        options = HEADS[config.head].options.keys() - {_POSITION}
        for name in [*compared, *options]:
            if (str(path.relative_to(PAPER)), cell, name) not in _REPLACED:
                assert getattr(config, name) == getattr(full.cells[cell], name), (cell, name)


@pytest.mark.parametrize(
    "path",
    [path for path in REDUCED if path.parent == PRETRAINED.parent and path != PRETRAINED],
    ids=lambda p: p.stem,
)
def test_specs_on_camvid_share_the_trials_of_pretraining(path: Path) -> None:
    pretraining = load_spec(PRETRAINED).cells[_PRETRAINING]

    assert load_spec(path).cells[_PRETRAINING].trial_id == pretraining.trial_id


def test_every_row_of_the_paper_has_its_figures() -> None:
    published = {
        (round(numbers.get("miou", 0), 4), numbers.get("train_seconds"))
        for path in FULL
        for numbers in load_spec(path).published.values()
    }

    hours = lambda d, h, m, s: float(((24 * d + h) * 60 + m) * 60 + s)  # noqa: E731  # short
    assert published >= {
        (0.7541, hours(0, 14, 42, 33)), (0.7528, hours(0, 13, 51, 51)),
        (0.7618, hours(0, 18, 20, 18)), (0, hours(0, 18, 0, 0)), (0.7567, hours(0, 9, 0, 0)),
        (0.7528, hours(0, 16, 8, 58)), (0.7463, None), (0.7519, None), (0.7496, None),
        (0.7541, hours(1, 3, 20, 40)), (0.7478, hours(0, 18, 15, 28)), (0.76, None),
        (0.7531, hours(0, 12, 52, 49)), (0.7539, hours(0, 10, 3, 19)),
    }  # fmt: skip
