"""The check of the files with passwords."""

from pathlib import Path

import pytest

from orchestrator.health.finding import Finding, Level
from orchestrator.health.password_files import check_password_files


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_password_that_others_can_read_is_a_warning(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("geheim")
    file.chmod(mode)
    monkeypatch.setenv("VSS_LEDGER_PASSWORD_FILE", str(file))

    (finding,) = check_password_files()

    text = f"other users can read VSS_LEDGER_PASSWORD_FILE={file}"
    assert finding == Finding("passwords", Level.WARNING, text, f"chmod 600 {file}")


def test_password_of_its_owner_alone_is_not_mentioned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.touch(0o600)
    monkeypatch.setenv("VSS_LEDGER_PASSWORD_FILE", str(file))

    assert check_password_files() == []
