"""The addresses and folders of an installation."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.settings import Settings, cache_limit_gb, command, find_data, load_settings
from orchestrator.storage import Storage
from vss.errors import UserError


def test_everything_is_under_the_home_by_default(settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "home"

    assert settings.ledger_url == f"sqlite:///{home}/ledger.db"
    assert settings.tracking_uri == f"sqlite:///{home}/mlflow.db"
    assert settings.storage == Storage(str(home / "trials"))
    assert settings.ray_address is None


def test_home_is_absolute_even_if_the_variable_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VSS_HOME")

    assert load_settings().home == Path.cwd() / "runs"


@pytest.mark.parametrize("variable", ["VSS_HOME", "VSS_DATA", "VSS_CACHE", "VSS_STORAGE"])
@pytest.mark.parametrize("path", ["~nobody-here/x", "loop"])
def test_folder_that_leads_nowhere_is_named(
    variable: str, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv(variable, path)

    with pytest.raises(UserError, match=rf"^{variable}={path}: .*[^.]; name another folder$"):
        load_settings()


def test_current_folder_that_was_deleted_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VSS_HOME")
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()

    with pytest.raises(UserError, match="the current folder no longer exists: .* or set VSS_HOME"):
        load_settings()


def test_environment_overrides_the_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql://h/d")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    monkeypatch.setenv("VSS_STORAGE", str(tmp_path / "shared"))

    settings = load_settings()

    assert settings.ledger_url == "postgresql://h/d"
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.ray_address == "head:6379"
    assert settings.storage.folder == tmp_path / "shared"


def test_storage_may_be_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSS_STORAGE", "s3://bucket/trials/")

    storage = load_settings().storage

    assert (str(storage), storage.folder) == ("s3://bucket/trials", None)


@pytest.mark.parametrize("address", ["s3://", "s3:///", "memory://trials"])
def test_storage_that_no_worker_can_share_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("VSS_STORAGE", address)

    with pytest.raises(UserError, match=f"VSS_STORAGE={address} names no place that workers share"):
        load_settings()


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("s3:/bucket/x", "write s3://bucket/prefix, with two slashes"),
        ("S3:bucket", "write s3://bucket/prefix, with two slashes"),
        ("file://trials", "write file:///PATH, with three slashes"),
        ("http://127.0.0.1:9000/bucket", ".* the address of the service into AWS_ENDPOINT_URL"),
        ("s3://bucket/a*", r"contains '\*', which .* leave it out"),
        ("s3://bucket/a\nb", r"contains '\\n', which .* leave it out"),
    ],
)
def test_storage_that_is_mistyped_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str, remedy: str
) -> None:
    monkeypatch.setenv("VSS_STORAGE", address)

    with pytest.raises(UserError, match=remedy):
        load_settings()


@pytest.mark.parametrize("variable", ["VSS_STORAGE", "RAY_ADDRESS"])
def test_password_in_an_address_that_jobs_are_told_is_refused(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "ftp://me:geheim@host/trials")

    with pytest.raises(UserError, match=f"{variable}=ftp://me@host/trials has a passwo") as error:
        load_settings()

    assert "geheim" not in str(error.value)


def test_login_of_an_mlflow_server_leaves_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's workers inherit the variables; the address stands in messages and arguments."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://vss:geheim@host:5000")

    settings = load_settings()

    assert settings.tracking_uri == os.environ["MLFLOW_TRACKING_URI"] == "http://host:5000"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "geheim"


def test_passwords_are_read_from_files_and_never_become_part_of_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSWORD", "")  # so that pytest restores both afterwards
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "")
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql://vss@h/d")
    for name, password in (("ledger", "one\n"), ("mlflow", "two")):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(password)
    monkeypatch.setenv("VSS_LEDGER_PASSWORD_FILE", str(tmp_path / "ledger"))
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD_FILE", str(tmp_path / "mlflow"))

    settings = load_settings()

    assert (os.environ["PGPASSWORD"], os.environ["MLFLOW_TRACKING_PASSWORD"]) == ("one", "two")
    assert settings.ledger_url == "postgresql://vss@h/d"


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "No such file"), (b"", "is empty"), (b"\xff", "not text")]
)
def test_unusable_password_file_is_named(
    content: bytes | None, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.touch(0o600)
        file.write_bytes(content)
    monkeypatch.setenv("VSS_LEDGER_PASSWORD_FILE", str(file))

    with pytest.raises(UserError, match=rf"VSS_LEDGER_PASSWORD_FILE={file} .*{problem}"):
        load_settings()


@pytest.mark.parametrize("mode", [0o640, 0o604])
@pytest.mark.parametrize(
    "variable",
    [
        "VSS_LEDGER_PASSWORD_FILE",
        "MLFLOW_TRACKING_PASSWORD_FILE",
        "VSS_NOTIFY_FILE",
        "RAY_AUTH_TOKEN_PATH",
    ],
)
def test_secret_that_others_can_read_is_refused(
    variable: str, mode: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("geheim")
    file.chmod(mode)
    monkeypatch.setenv(variable, str(file))

    with pytest.raises(UserError) as caught:
        load_settings()

    expected = f"other users can read the secret in {variable}={file}: chmod 600 {file}"
    assert str(caught.value) == expected


def test_cache_is_on_this_machine_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VSS_CACHE")

    assert load_settings().cache.parent == Path(tempfile.gettempdir()).resolve()


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/tmp"), Path.touch])
def test_cache_that_somebody_has_put_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    monkeypatch.delenv("VSS_CACHE")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make(tmp_path / f"vss-orch-{os.getuid()}")

    with pytest.raises(UserError, match="is not a folder of yours: remove it, or set VSS_CACHE"):
        load_settings()


def test_limit_of_the_cache_is_read_or_half_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_limit_gb() == shutil.disk_usage(load_settings().cache).total / 2**31

    monkeypatch.setenv("VSS_CACHE_GB", "1.5")
    assert cache_limit_gb() == 1.5

    monkeypatch.setenv("VSS_CACHE_GB", "-3")
    with pytest.raises(UserError, match=r"VSS_CACHE_GB=-3: write a positive number of GiB"):
        cache_limit_gb()
    with pytest.raises(UserError, match="VSS_CACHE_GB=-3"):
        load_settings()  # before any worker reads it


def test_synthetic_dataset_has_no_folder(settings: Settings) -> None:
    assert find_data("synthetic", {}, settings) is None


def test_path_on_the_command_line_takes_precedence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VSS_DATA", str(tmp_path / "unused"))
    (tmp_path / "data").mkdir()

    assert find_data("camvid", {"camvid": tmp_path / "data"}, load_settings()) == tmp_path / "data"


def test_dataset_is_looked_up_in_vss_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "camvid").mkdir()
    monkeypatch.setenv("VSS_DATA", str(tmp_path))

    assert find_data("camvid", {}, load_settings()) == tmp_path / "camvid"


def test_dataset_without_a_path_is_refused_with_the_remedy(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"'camvid' needs a folder: add --data camvid=PATH, or set"):
        find_data("camvid", {}, settings)


def test_missing_folder_is_named_with_its_origin(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*gone for dataset 'camvid' \(from --data"):
        find_data("camvid", {"camvid": tmp_path / "gone"}, settings)


def test_program_is_called_by_name_if_on_path_and_else_by_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(folder))
    assert command("vss-orch") == "vss-orch"

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")
    assert Path(command("vss-orch")).resolve() == (folder / "vss-orch").resolve()


def test_program_in_the_working_folder_is_called_by_a_relative_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(Path(sys.executable).parent.parent)

    assert command("vss-orch") == "bin/vss-orch"
