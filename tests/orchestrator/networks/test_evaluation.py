"""Experiments that score trained networks."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.networks.evaluation import build_evaluation, build_scoring_config
from orchestrator.networks.lookup import NamedNetwork
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import TRAINED, save_weights, tiny
from vss import catalog
from vss.errors import UserError
from vss.inference.trained_network import TrainedNetwork, read_trained_network
from vss.models.segmenter import build_inference_model
from vss.trial_config import TrialConfig, parse_settings


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return Ledger(settings.ledger_url)


@pytest.fixture
def network(trained_storage: Path) -> NamedNetwork:
    return NamedNetwork(TRAINED.trial_id, read_trained_network(trained_storage / TRAINED.trial_id))


def untrained_network(folder: Path, name: str, **settings: Any) -> NamedNetwork:
    """Return an untrained network under the id of its trial."""
    config = tiny(**settings)
    torch.manual_seed(config.seed)
    file = folder / f"{name}.safetensors"
    save_weights(build_inference_model(config).state_dict(), file)
    return NamedNetwork(config.trial_id, TrainedNetwork(config, file))


def record(ledger: Ledger, name: str, cell: str, config: TrialConfig, finish: bool = True) -> None:
    entry = ExperimentEntry(name, "a study", "name: study\n", cell)
    ledger.add(entry, [Member(PlannedTrial(cell, config), "data")])
    if finish:
        with ledger.driver() as driver:
            (claim,) = driver.claim([config.trial_id])
            driver.end(claim, State.FINISHED, None, None)


def test_scoring_keeps_the_network_and_drops_training_settings(network: NamedNetwork) -> None:
    distillation = {
        "teacher": "0123456789ab", "distillation_weight": 2.0, "temperature": 3.0,
        "eval_every": 2, "select": "best_val", "class_weights": "median_frequency",
    }  # fmt: skip
    student = parse_settings({**TRAINED.settings(), **distillation})
    trained = replace(network.trained, config=student)

    config = build_scoring_config(NamedNetwork("student", trained), None, "val")

    assert (config.steps, config.scored_split) == (0, "val")
    assert config.weights.startswith("sha256:")
    assert (config.teacher, config.select, config.class_weights) == ("none", "last", "none")
    for name in ("head", "memory_length", "frame_stride", "frame_width", "precision", "seed"):
        assert getattr(config, name) == getattr(TRAINED, name)


def test_dataset_with_different_classes_is_refused_with_the_differences(
    network: NamedNetwork,
) -> None:
    with pytest.raises(
        UserError,
        match=r"classes of 'synthetic', but dataset 'camvid' has different classes "
        r"\(only in .*: Verge; "
        "only in camvid: Pole, SignSymbol, Fence, Bicyclist",
    ):
        build_scoring_config(network, "camvid", "test")


def test_dataset_with_the_same_classes_is_accepted(
    network: NamedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    similar_dataset = replace(catalog.DATASETS["synthetic"], options={}, needs_path=True)
    monkeypatch.setitem(catalog.DATASETS, "similar", similar_dataset)

    config = build_scoring_config(network, "similar", "train")

    assert (config.dataset, config.clips) == ("similar", None)


def test_dataset_with_a_different_order_of_classes_is_refused(
    network: NamedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = catalog.DATASETS["synthetic"].classes
    reordered = replace(
        catalog.DATASETS["synthetic"], options={}, classes=dict(reversed(classes.items()))
    )
    monkeypatch.setitem(catalog.DATASETS, "reordered", reordered)

    with pytest.raises(UserError, match="their order differs"):
        build_scoring_config(network, "reordered", "test")


def test_seeds_of_a_recorded_cell_stay_in_their_cell(ledger: Ledger, tmp_path: Path) -> None:
    seeds = [untrained_network(tmp_path, f"s{seed}", seed=seed) for seed in (0, 1)]
    trials = [PlannedTrial("image", network.trained.config) for network in seeds]
    ledger.add(ExperimentEntry("study"), [Member(trial, "data") for trial in trials])

    experiment = build_evaluation(seeds, None, "val", "evaluation", ledger)

    assert [(t.cell, t.config.seed) for t in experiment.trials] == [("image", 0), ("image", 1)]
    assert list(experiment.cells) == ["image"]
    assert set(experiment.files_by_digest.values()) == {x.trained.weights for x in seeds}


@pytest.mark.slow
def test_networks_that_the_ledger_lacks_become_cells_with_their_own_names(
    ledger: Ledger, tmp_path: Path, network: NamedNetwork
) -> None:
    files = [
        NamedNetwork(name, untrained_network(tmp_path, name, seed=s).trained)
        for s, name in enumerate("ab")
    ]

    experiment = build_evaluation([*files, network], None, "test", "evaluation", ledger)

    assert list(experiment.cells) == ["a", "b", TRAINED.trial_id]
    assert experiment.baseline == "a"
    assert all(line.startswith("# ") for line in experiment.source.splitlines())


def test_networks_join_a_finished_experiment(
    ledger: Ledger, tmp_path: Path, network: NamedNetwork
) -> None:
    record(ledger, "study", "memory", TRAINED)

    experiment = build_evaluation([network], None, "val", "study", ledger)

    # The trained cell keeps its name.
    assert list(experiment.cells) == ["memory", "memory, synthetic val"]
    assert [t.config.steps for t in experiment.trials] == [4, 0]
    assert (experiment.baseline, experiment.description) == ("memory", "a study")
    assert experiment.source.startswith("name: study\n# scored by: vss-orch evaluate")


def test_scored_network_is_not_scored_again(ledger: Ledger, network: NamedNetwork) -> None:
    scoring_config = build_scoring_config(network, None, "val")
    record(ledger, "evaluation", "memory", scoring_config)

    experiment = build_evaluation([network, network], None, "val", "evaluation", ledger)

    assert [(t.cell, t.config) for t in experiment.trials] == [("memory", scoring_config)]


@pytest.mark.slow
def test_failed_evaluation_is_replaced(ledger: Ledger, network: NamedNetwork) -> None:
    record(ledger, "evaluation", "old", tiny(steps=0, weights=f"sha256:{'0' * 64}"), finish=False)

    experiment = build_evaluation([network], None, "val", "evaluation", ledger)

    assert list(experiment.cells) == [TRAINED.trial_id]


def test_unfinished_experiment_is_refused(ledger: Ledger, network: NamedNetwork) -> None:
    record(ledger, "study", "memory", TRAINED, finish=False)

    with pytest.raises(UserError, match=r"'study' has not finished \(1 of 1 trials left\)"):
        build_evaluation([network], None, "val", "study", ledger)


def test_weights_that_do_not_fit_are_refused_before_anything_is_recorded(
    ledger: Ledger, network: NamedNetwork
) -> None:
    wrong = NamedNetwork("wrong", replace(network.trained, config=tiny()))

    with pytest.raises(UserError, match="do not fit the network: head"):
        build_evaluation([wrong], None, "val", "evaluation", ledger)

    assert ledger.experiments() == []


@pytest.mark.slow
def test_unknown_split_is_refused(ledger: Ledger, network: NamedNetwork) -> None:
    with pytest.raises(UserError, match=r"'scored_split': must be 'train', 'val' or 'test"):
        build_evaluation([network], None, "dev", "evaluation", ledger)


def test_budget_of_an_experiment_that_networks_join_stays(
    ledger: Ledger, tmp_path: Path, network: NamedNetwork
) -> None:
    trained = PlannedTrial("first", untrained_network(tmp_path, "first", seed=5).trained.config)
    ledger.add(ExperimentEntry("study", budget={"gpu_hours": 3.0}), [Member(trained, "data")])
    with ledger.driver() as driver:
        (claim,) = driver.claim([trained.trial_id])
        driver.end(claim, State.FINISHED)

    experiment = build_evaluation([network], None, "test", "study", ledger)

    assert experiment.budget == {"gpu_hours": 3.0}


def test_experiment_whose_budget_is_used_up_is_refused(
    ledger: Ledger, tmp_path: Path, network: NamedNetwork
) -> None:
    trained = PlannedTrial("first", untrained_network(tmp_path, "first", seed=5).trained.config)
    ledger.add(ExperimentEntry("study", budget={"trial_hours": 1e-9}), [Member(trained, "data")])
    with ledger.driver() as driver:
        (claim,) = driver.claim([trained.trial_id], "study")
        driver.start(claim, 0, None)
        time.sleep(0.01)
        driver.end(claim, State.FINISHED)

    with pytest.raises(UserError, match="budget of experiment 'study' is used up .*: submit its"):
        build_evaluation([network], None, "test", "study", ledger)
