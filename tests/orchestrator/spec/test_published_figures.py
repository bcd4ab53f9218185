"""The figures that others published."""

import pytest

from orchestrator.spec.design import expand, published_figures
from orchestrator.spec.file import load_spec, parse_spec
from orchestrator.spec.published_figures import PublishedFigures
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

SPEC = TINY_SPEC.replace("{head: fcn}", "{head: fcn, published: FIGURES}")


@pytest.mark.parametrize(
    ("text", "seconds"), [("14:42:33", 52953), ("1-03:20:40", 98440), ("0-00:00:01", 1)]
)
def test_times_are_written_as_papers_print_them(text: str, seconds: int) -> None:
    assert PublishedFigures(train_time=text).numbers() == {"train_seconds": seconds}


def test_figures_belong_to_a_cell_and_change_no_trial(write_spec: SpecWriter) -> None:
    plain = load_spec(write_spec(TINY_SPEC))
    source = SPEC.replace("FIGURES", '{miou: 0.7541, train_time: "14:42:33"}')

    experiment = load_spec(write_spec(source))

    assert [t.config for t in experiment.trials] == [t.config for t in plain.trials]
    assert list(experiment.cells) == list(plain.cells)
    assert experiment.published == {"image": {"miou": 0.7541, "train_seconds": 52953.0}}
    assert published_figures(expand(parse_spec(source))) == experiment.published


def test_spec_without_figures_has_none(write_spec: SpecWriter) -> None:
    assert load_spec(write_spec(TINY_SPEC)).published == {}


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ("0.75", "cell 'image': published is 0.75; write for example"),
        ("{miou: 75.4}", "published: 'miou': .*less than or equal to 1 .*75.4"),
        ('{train_time: "noon"}', "'noon' is not D-HH:MM:SS"),
        ("{accuracy: 0.75}", "unknown setting 'accuracy'"),
    ],
)
def test_wrong_figures_are_named(write_spec: SpecWriter, figures: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_spec(write_spec(SPEC.replace("FIGURES", figures)))
