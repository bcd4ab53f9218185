"""Where a worker finds the data of a trial."""

import socket
from pathlib import Path

import pytest

from orchestrator.execution.nodes.data_source import DataSource
from vss.errors import UserError
from vss.untrusted.limited_file import MIB, digest


@pytest.fixture
def node_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return VSS_DATA of this node, which has camvid."""
    folder = tmp_path / "node"
    (folder / "camvid").mkdir(parents=True)
    monkeypatch.setenv("VSS_DATA", str(folder))
    return folder


def test_node_uses_its_own_data_folder(node_data: Path, tmp_path: Path) -> None:
    source = DataSource("camvid", driver_path=tmp_path / "only" / "on" / "the" / "driver")

    assert source.find() == node_data / "camvid"


def test_path_of_the_command_line_is_the_only_place(node_data: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()

    assert DataSource("camvid", option=tmp_path / "shared").find() == tmp_path / "shared"
    with pytest.raises(UserError, match=r"not at .*/gone \(--data camvid\)"):
        DataSource("camvid", option=tmp_path / "gone").find()


def test_folder_of_the_driver_is_used_where_it_exists(tmp_path: Path) -> None:
    assert DataSource("camvid", driver_path=tmp_path).find() == tmp_path


def test_synthetic_data_has_no_place(node_data: Path) -> None:
    assert DataSource("synthetic").find() is None


def test_error_names_the_node_and_the_remedy(node_data: Path) -> None:
    host = socket.gethostname()

    with pytest.raises(UserError) as error:
        DataSource("cityscapes").find()

    assert str(error.value) == (
        f"{host} does not have dataset 'cityscapes': it is not at {node_data}/cityscapes (VSS_DATA "
        f"there); set VSS_DATA where Ray is started on {host}, or give --data cityscapes=PATH if "
        "all machines see it"
    )


def test_node_without_a_data_folder_is_told_so() -> None:
    with pytest.raises(UserError, match="'camvid': VSS_DATA is not set there; set VSS_DATA where"):
        DataSource("camvid").find()


def test_dataset_file_is_recognised_by_its_content(node_data: Path, tmp_path: Path) -> None:
    submitted, copy = tmp_path / "street.yaml", node_data / "street.yaml"
    submitted.write_text("as submitted")
    copy.write_text("different")
    source = DataSource("folder", digest(submitted, "dataset file", MIB), driver_path=submitted)

    assert source.find() == submitted
    submitted.unlink()
    with pytest.raises(UserError, match=r"the dataset file street\.yaml with sha256:.*next to its"):
        source.find()
    copy.write_text("as submitted")
    assert source.find() == copy
