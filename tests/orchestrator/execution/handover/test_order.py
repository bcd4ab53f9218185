"""What a command hands over to a job."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from orchestrator.execution.handover.order import Order, collect_environment, list_own_passwords
from orchestrator.settings import Settings, load_settings
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter, save_weights
from vss.errors import UserError


def order(spec: Path, *overrides: str) -> Order:
    experiment = load_spec(spec, overrides)
    return Order(
        job="tiny-1", source=experiment.source, spec=str(spec),
        trial_ids=[trial.trial_id for trial in experiment.trials[:3]],
        later_ids=[trial.trial_id for trial in experiment.trials[3:]], data={}, pictures=True,
        words=["submit", "tiny.yaml"], environment={"VSS_HOME": "/theirs"}, is_local=True,
    )  # fmt: skip


def test_experiment_survives_the_file_with_overrides_and_chosen_trials(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    sent = order(write_spec(TINY_SPEC), "steps=8")
    file = tmp_path / "order.json"

    sent.write(file)
    received = Order.read(file)

    assert received == sent
    experiment = received.build_experiment()
    assert [trial.trial_id for trial in experiment.trials] == sent.trial_ids
    assert [trial.trial_id for trial in experiment.later_trials] == sent.later_ids
    assert {trial.config.steps for trial in experiment.trials} == {8}
    assert experiment.source == sent.source


def test_only_the_owner_can_read_the_file(write_spec: SpecWriter, tmp_path: Path) -> None:
    """It may contain passwords."""
    file = tmp_path / "order.json"

    order(write_spec(TINY_SPEC)).write(file)

    assert file.stat().st_mode & 0o077 == 0


def test_other_contents_of_a_file_that_the_spec_names_are_refused(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    weights = tmp_path / "start.safetensors"
    save_weights({"a": torch.zeros(1)}, weights)
    tuned = "{head: fcn, weights: start.safetensors}"
    sent = order(write_spec(TINY_SPEC.replace("{head: fcn}", tuned)))

    save_weights({"a": torch.ones(1)}, weights)

    with pytest.raises(UserError, match="has other contents on the cluster"):
        sent.build_experiment()


@pytest.mark.parametrize(("is_local", "home"), [(True, "/theirs"), (False, "/of/the/node")])
def test_variables_of_a_node_win_on_other_machines(
    is_local: bool, home: str, write_spec: SpecWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSS_HOME", "/of/the/node")

    replace(order(write_spec(TINY_SPEC)), is_local=is_local).set_environment()

    assert os.environ["VSS_HOME"] == home


def test_folders_of_this_machine_stay_here(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VSS_CACHE", "/scratch")
    settings = replace(settings, data=tmp_path)

    variables = {where: collect_environment(settings, where) for where in (True, False)}

    assert variables[True]["VSS_DATA"] == str(tmp_path)
    assert {"VSS_DATA", "VSS_CACHE"} & variables[False].keys() == set()
    assert all(v["VSS_LEDGER_URL"] == settings.ledger_url for v in variables.values())


def test_only_a_job_on_this_machine_is_told_passwords(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "geheim-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    settings = replace(settings, ledger_url="postgresql://vss:geheim-3@db/ledger")

    here, elsewhere = (collect_environment(settings, is_local) for is_local in (True, False))

    assert here["PGPASSWORD"] == "geheim-1"
    assert here["VSS_LEDGER_URL"] == "postgresql://vss:geheim-3@db/ledger"
    assert elsewhere["VSS_LEDGER_URL"] == "postgresql://vss@db/ledger"
    assert elsewhere["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert "geheim" not in str(elsewhere)


def test_variables_with_passwords_are_named_to_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "geheim-1")
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql://vss:geheim-3@db/ledger")

    assert {"PGPASSWORD", "VSS_LEDGER_URL"} <= set(list_own_passwords())


def test_passwords_in_files_stay_on_this_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").touch(0o600)
    (tmp_path / "password").write_text("secret")
    monkeypatch.setenv("PGPASSWORD", "")  # so that pytest restores it
    monkeypatch.setenv("VSS_LEDGER_PASSWORD_FILE", str(tmp_path / "password"))

    variables = collect_environment(load_settings(), is_local=False)

    assert {"PGPASSWORD", "VSS_LEDGER_PASSWORD_FILE"} & variables.keys() == set()
    assert "secret" not in variables.values()


def test_equal_cells_that_a_search_may_set_apart_stay_two(write_spec: SpecWriter) -> None:
    tune = "tune: {samples: 2, search: {learning_rate: [0.1, 0.2]}, with_common: true}\n"
    spec = write_spec(TINY_SPEC + tune)
    planned = load_spec(spec)
    sent = replace(
        order(spec), trial_ids=[trial.trial_id for trial in planned.trials], later_ids=[]
    )

    assert sent.build_experiment().trials == planned.trials
