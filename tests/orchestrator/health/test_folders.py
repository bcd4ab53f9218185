"""Checks of folders."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.health.finding import Finding, Level
from orchestrator.health.folders import check_data, check_storage, find_network_file_system
from orchestrator.settings import Settings
from orchestrator.storage import Storage


def test_storage_is_tried_and_left_as_it_was(settings: Settings) -> None:
    missing_folder = check_storage(settings)
    settings.storage.folder.mkdir(parents=True)

    existing = check_storage(settings)

    assert missing_folder == Finding("storage", Level.OK, f"{settings.storage} will be created")
    assert existing == Finding("storage", Level.OK, str(settings.storage))
    assert list(settings.storage.folder.iterdir()) == []


def test_storage_elsewhere_is_written_to(settings: Settings) -> None:
    finding = check_storage(replace(settings, storage=Storage("memory://checked")))

    assert finding == Finding("storage", Level.OK, "memory://checked can be written")


def test_storage_at_an_unknown_address_is_a_problem(settings: Settings) -> None:
    finding = check_storage(replace(settings, storage=Storage("nonsense://x")))

    assert finding.level == Level.PROBLEM
    assert finding.text.startswith("VSS_STORAGE=nonsense://x: ")


@pytest.mark.parametrize("folder", ["/proc/nowhere", "FILE/trials"])
def test_storage_that_cannot_be_written_is_a_problem(
    folder: str, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = Path(folder.replace("FILE", str(tmp_path / "file")))

    finding = check_storage(replace(settings, storage=Storage(str(path))))

    assert finding.level == Level.PROBLEM
    assert finding.text.startswith(f"cannot write to {path}: ")
    assert "VSS_STORAGE" in finding.remedy


def test_each_dataset_is_listed(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "camvid").mkdir()
    settings = replace(settings, data=tmp_path)

    from_option, from_variable = check_data(settings, {"cityscapes": tmp_path / "missing"})

    assert from_option.level == Level.PROBLEM
    assert from_option.text == f"cityscapes: {tmp_path / 'missing'} is not a folder"
    assert from_variable.level == Level.OK
    assert from_variable.text.startswith(f"camvid in {tmp_path / 'camvid'}")


def test_folder_of_data_without_a_dataset_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    empty, missing = tmp_path, tmp_path / "missing"

    assert check_data(replace(settings, data=empty), {})[0].level == Level.WARNING
    assert check_data(replace(settings, data=missing), {})[0].level == Level.PROBLEM
    assert check_data(settings, {})[0].level == Level.OK


def test_innermost_mount_decides_the_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("disk / ext4 rw 0 0\nserver:/x /x nfs4 rw 0 0\ndisk /x/local ext4 rw 0 0\n")

    assert find_network_file_system(Path("/x/runs/ledger.db"), mounts) == "nfs4"
    assert find_network_file_system(Path("/x/local/ledger.db"), mounts) is None
