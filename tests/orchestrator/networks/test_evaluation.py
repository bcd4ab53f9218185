"""Experiments that score trained networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.ledger.ledger import Ledger, Member, State
from orchestrator.networks.evaluation import build_experiment, scoring_config
from orchestrator.networks.lookup import Found
from orchestrator.settings import Settings
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
def found(trained_storage: Path) -> Found:
    return Found(TRAINED.trial_id, read_trained_network(trained_storage / TRAINED.trial_id))


def fresh(folder: Path, name: str, **settings: Any) -> Found:
    """An untrained network, as a trial that the ledger may know."""
    config = tiny(**settings)
    torch.manual_seed(config.seed)
    file = folder / f"{name}.safetensors"
    save_weights(build_inference_model(config).state_dict(), file)
    return Found(config.trial_id, TrainedNetwork(config, file))


def enter(ledger: Ledger, name: str, cell: str, config: TrialConfig, finish: bool = True) -> None:
    ledger.add(name, [Member(cell, config, "data")], "a study", "name: study\n", cell)
    if finish:
        with ledger.driver() as driver:
            (claim,) = driver.claim([config.trial_id])
            driver.end(claim, State.FINISHED, None, None)


def test_network_is_kept_and_its_training_dropped(found: Found) -> None:
    taught = {
        "teacher": "0123456789ab", "distillation_weight": 2.0, "temperature": 3.0,
        "eval_every": 2, "select": "best_val", "class_weights": "median_frequency",
    }  # fmt: skip
    student = parse_settings({**TRAINED.settings(), **taught})
    trained = replace(found.trained, config=student)

    config = scoring_config(Found("student", trained), None, "val")

    assert (config.steps, config.scored_split) == (0, "val")
    assert config.weights.startswith("sha256:")
    assert (config.teacher, config.select, config.class_weights) == ("none", "last", "none")
    for name in ("head", "memory_length", "frame_stride", "frame_width", "precision", "seed"):
        assert getattr(config, name) == getattr(TRAINED, name)


def test_other_classes_are_refused_with_what_differs(found: Found) -> None:
    with pytest.raises(
        UserError,
        match=r"classes of 'synthetic', dataset 'camvid' has others \(only in .*: Verge; "
        "only in camvid: Pole, SignSymbol, Fence, Bicyclist",
    ):
        scoring_config(found, "camvid", "test")


def test_other_dataset_with_the_same_classes_is_taken(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = replace(catalog.DATASETS["synthetic"], options={}, needs_path=True)
    monkeypatch.setitem(catalog.DATASETS, "alike", like)

    config = scoring_config(found, "alike", "train")

    assert (config.dataset, config.clips) == ("alike", None)


def test_order_of_classes_counts(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = catalog.DATASETS["synthetic"].classes
    turned = replace(
        catalog.DATASETS["synthetic"], options={}, classes=dict(reversed(classes.items()))
    )
    monkeypatch.setitem(catalog.DATASETS, "turned", turned)

    with pytest.raises(UserError, match="their order differs"):
        scoring_config(found, "turned", "test")


def test_seeds_of_a_known_cell_share_it(ledger: Ledger, tmp_path: Path) -> None:
    seeds = [fresh(tmp_path, f"s{seed}", seed=seed) for seed in (0, 1)]
    ledger.add("study", [Member("image", x.trained.config, "data") for x in seeds])

    experiment = build_experiment(seeds, None, "val", "evaluation", ledger)

    assert [(t.cell, t.config.seed) for t in experiment.trials] == [("image", 0), ("image", 1)]
    assert list(experiment.cells) == ["image"]
    assert set(experiment.weight_files.values()) == {x.trained.weights for x in seeds}


def test_unknown_networks_are_cells_of_their_own_name(
    ledger: Ledger, tmp_path: Path, found: Found
) -> None:
    files = [Found(name, fresh(tmp_path, name, seed=s).trained) for s, name in enumerate("ab")]

    experiment = build_experiment([*files, found], None, "test", "evaluation", ledger)

    assert list(experiment.cells) == ["a", "b", TRAINED.trial_id]
    assert experiment.baseline == "a"
    assert all(line.startswith("# ") for line in experiment.source.splitlines())


def test_networks_join_a_finished_experiment(ledger: Ledger, tmp_path: Path, found: Found) -> None:
    enter(ledger, "study", "memory", TRAINED)

    experiment = build_experiment([found], None, "val", "study", ledger)

    # The name of its own cell is taken by the training itself.
    assert list(experiment.cells) == ["memory", "memory, synthetic val"]
    assert [t.config.steps for t in experiment.trials] == [4, 0]
    assert (experiment.baseline, experiment.description) == ("memory", "a study")
    assert experiment.source.startswith("name: study\n# scored by: vss-orch evaluate")


def test_what_is_scored_already_is_not_scored_again(ledger: Ledger, found: Found) -> None:
    scored = scoring_config(found, None, "val")
    enter(ledger, "evaluation", "memory", scored)

    experiment = build_experiment([found, found], None, "val", "evaluation", ledger)

    assert [(t.cell, t.config) for t in experiment.trials] == [("memory", scored)]


def test_failed_evaluation_makes_room(ledger: Ledger, found: Found) -> None:
    enter(ledger, "evaluation", "old", tiny(steps=0, weights=f"sha256:{'0' * 64}"), finish=False)

    experiment = build_experiment([found], None, "val", "evaluation", ledger)

    assert list(experiment.cells) == [TRAINED.trial_id]


def test_experiment_that_still_trains_is_refused(ledger: Ledger, found: Found) -> None:
    enter(ledger, "study", "memory", TRAINED, finish=False)

    with pytest.raises(UserError, match="'study' has 1 trials that are not finished: submit its"):
        build_experiment([found], None, "val", "study", ledger)


def test_weights_that_do_not_fit_are_refused_before_anything_is_entered(
    ledger: Ledger, found: Found
) -> None:
    wrong = Found("wrong", replace(found.trained, config=tiny()))

    with pytest.raises(UserError, match="do not fit: head"):
        build_experiment([wrong], None, "val", "evaluation", ledger)

    assert ledger.experiments() == []


def test_unknown_split_is_refused(ledger: Ledger, found: Found) -> None:
    with pytest.raises(UserError, match=r"'scored_split': input should be 'train', 'val' or 'test"):
        build_experiment([found], None, "dev", "evaluation", ledger)
