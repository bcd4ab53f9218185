"""The Dockerfile and the shell scripts: their linters, and the scripts themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
SCRIPTS = sorted(file for file in (ROOT / "deploy").rglob("*.sh"))


def lint(program: str, *files: Path) -> None:
    path = PROGRAMS / program
    if not path.exists():
        pytest.skip(f"needs {program}, which has no package for this system")

    check = subprocess.run([path, *files], capture_output=True, text=True)

    assert check.returncode == 0, check.stdout


def test_hadolint_accepts_the_dockerfile() -> None:
    lint("hadolint", ROOT / "Dockerfile")


def test_shellcheck_accepts_the_scripts() -> None:
    lint("shellcheck", *SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_executable(script: Path) -> None:
    assert os.access(script, os.X_OK)


def test_image_installs_pinned_versions_and_has_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    assert "USER 1000:1000" in lines
    assert [line for line in lines if line.startswith("FROM")] == ["FROM debian:12.14-slim"]
    assert any("--constraint constraints.txt" in line for line in lines)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the files that deploy/prepare.sh uses."""
    (tmp_path / "deploy").mkdir()
    for name in ("prepare.sh", "env.example"):
        shutil.copy(ROOT / "deploy" / name, tmp_path / "deploy" / name)
    return tmp_path


def prepare(checkout: Path) -> dict[str, str]:
    """Run deploy/prepare.sh and return the variables of .env."""
    subprocess.run([checkout / "deploy" / "prepare.sh"], check=True, capture_output=True)
    lines = (checkout / ".env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def test_prepared_secrets_are_random_and_private(checkout: Path) -> None:
    prepare(checkout)

    files = [file for file in (checkout / "deploy" / "secrets").iterdir() if file.stat().st_size]
    contents = {file.read_text() for file in files}
    assert len(contents) == len(files) == 4
    assert all(len(content) == 64 for content in contents)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_prepared_env_file_names_existing_secrets_and_contains_none(checkout: Path) -> None:
    variables = prepare(checkout)

    for name in (
        "VSS_LEDGER_PASSWORD_FILE",
        "MLFLOW_TRACKING_PASSWORD_FILE",
        "RAY_AUTH_TOKEN_PATH",
    ):
        secret = Path(variables[name])
        assert secret.is_file()
        assert secret.read_text() not in (checkout / ".env").read_text()


def test_containers_get_the_user_who_owns_the_secrets_and_is_not_root(checkout: Path) -> None:
    variables = prepare(checkout)

    token = Path(variables["RAY_AUTH_TOKEN_PATH"]).stat()
    assert (str(token.st_uid), str(token.st_gid)) == (variables["VSS_UID"], variables["VSS_GID"])
    assert variables["VSS_UID"] != "0"


def test_preparing_again_keeps_secrets_and_settings(checkout: Path) -> None:
    variables = prepare(checkout)
    token = Path(variables["RAY_AUTH_TOKEN_PATH"]).read_text()
    with (checkout / ".env").open("a") as file:
        file.write("RAY_PORT=8266\n")

    assert prepare(checkout)["RAY_PORT"] == "8266"
    assert Path(variables["RAY_AUTH_TOKEN_PATH"]).read_text() == token
