"""The published results of cells."""

import pytest

from orchestrator.spec.design import expand, read_published_results
from orchestrator.spec.file import load_spec, parse_spec
from orchestrator.spec.published_results import PublishedResults
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

SPEC = TINY_SPEC.replace("{head: fcn}", "{head: fcn, published: RESULTS}")


@pytest.mark.parametrize(
    ("text", "seconds"), [("14:42:33", 52953), ("1-03:20:40", 98440), ("0-00:00:01", 1)]
)
def test_times_are_written_as_papers_print_them(text: str, seconds: int) -> None:
    assert PublishedResults(train_time=text).numbers() == {"train_seconds": seconds}


def test_published_results_belong_to_a_cell_and_change_no_trial(write_spec: SpecWriter) -> None:
    plain = load_spec(write_spec(TINY_SPEC))
    source = SPEC.replace("RESULTS", '{miou: 0.7541, train_time: "14:42:33"}')

    experiment = load_spec(write_spec(source))

    assert [t.config for t in experiment.trials] == [t.config for t in plain.trials]
    assert list(experiment.cells) == list(plain.cells)
    assert experiment.published == {"image": {"miou": 0.7541, "train_seconds": 52953.0}}
    assert read_published_results(expand(parse_spec(source))) == experiment.published


def test_spec_without_published_results_has_none(write_spec: SpecWriter) -> None:
    assert load_spec(write_spec(TINY_SPEC)).published == {}


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ("0.75", "cell 'image': published must be a mapping such as {miou: .*got 0.75"),
        ("{miou: 75.4}", "published: 'miou': must be at most 1 .*75.4"),
        ('{train_time: "noon"}', "write a time as D-HH:MM:SS .*got 'noon'"),
        ("{accuracy: 0.75}", "unknown setting 'accuracy'"),
    ],
)
def test_mistake_in_published_results_is_named(
    write_spec: SpecWriter, results: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_spec(write_spec(SPEC.replace("RESULTS", results)))
