"""The first spec: every combination of answers gives a valid one."""

from pathlib import Path

import pytest

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec_text
from orchestrator.spec.template import (
    DEFAULT_NETWORKS,
    VARIATIONS,
    Answers,
    build_spec_text,
    parse_data,
    parse_network,
    parse_seeds,
    parse_variation,
)
from tests.vss.data.custom.test_dataset import paint as paint_folder
from vss.errors import UserError


def load(
    file: Path, dataset: str = "synthetic", vary: str = "memory", seeds: str = "3"
) -> Experiment:
    """Return the experiment of the spec that the answers give."""
    data = parse_data(dataset)
    network = parse_network(DEFAULT_NETWORKS[data.dataset])
    answers = Answers(data, parse_variation(vary), network, parse_seeds(seeds))
    return load_spec_text(build_spec_text(answers, file), file)


@pytest.mark.parametrize("vary", VARIATIONS)
@pytest.mark.parametrize("dataset", ["synthetic", "camvid", "cityscapes"])
def test_spec_is_valid(tmp_path: Path, dataset: str, vary: str) -> None:
    experiment = load(tmp_path / "my study.yaml", dataset, vary)

    assert experiment.name == "my_study"
    assert len(experiment.cells) >= 3
    assert {config.dataset for config in experiment.cells.values()} == {dataset}
    assert experiment.baseline == next(iter(experiment.cells))


def test_described_data_is_named_relative_to_the_spec(tmp_path: Path) -> None:
    description = paint_folder(tmp_path / "data")
    (tmp_path / "specs").mkdir()

    experiment = load(tmp_path / "specs" / "study.yaml", str(description))

    assert {config.dataset for config in experiment.cells.values()} == {"folder"}


def test_range_of_seeds_plans_looks(tmp_path: Path) -> None:
    assert load(tmp_path / "study.yaml", seeds="3-10").looks == (3, 5, 7, 10)
    assert load(tmp_path / "study.yaml", seeds="2").seeds == (0, 1)


@pytest.mark.parametrize(
    ("parse", "answer", "message"),
    [
        (parse_data, "camvit", "unknown dataset 'camvit': did you mean 'camvid'"),
        (parse_data, "folder", "unknown dataset 'folder'"),
        (parse_data, "none.yaml", "there is no file none.yaml"),
        (parse_variation, "heads", "unknown answer 'heads': did you mean 'head'"),
        (parse_network, "resnet18", "write BACKBONE WIDTHxHEIGHT"),
        (parse_network, "resnet81 96x64", "unknown backbone 'resnet81'"),
        (parse_seeds, "0", "write a number of seeds such as 3"),
        (parse_seeds, "many", "'many': write a number"),
        (parse_seeds, "20001", "at most 20,000"),
        (parse_seeds, "9" * 5000, "write a number of seeds such as 3"),
    ],
)
def test_invalid_answer_is_refused(parse, answer: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=message):
        parse(answer)
