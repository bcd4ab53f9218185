"""The packages that `make compose-test` and `make slurm-test` install."""

import os

import pytest

from deploy.test import packages
from deploy.test.packages import Needs, install


def test_nothing_is_installed_where_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packages.NEEDS, "shell", Needs(["sh"], ["no-such-package"]))

    install("shell")


def test_user_who_cannot_install_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packages.NEEDS, "rare", Needs(["no-such-program"], ["no-such-package"]))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SystemExit, match=r"^rare-test needs root on Debian, where it installs no-"):
        install("rare")
