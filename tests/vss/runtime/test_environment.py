"""The recorded facts about the machine and the code."""

import getpass
import json
import socket

import torch

from vss.runtime.environment import code_version, describe_environment

ENVIRONMENT = describe_environment(torch.device("cpu"), threads=2)


def test_versions_and_device_are_recorded() -> None:
    assert ENVIRONMENT["torch"] == torch.__version__.split("+")[0]
    assert ENVIRONMENT["threads"] == 2
    assert ENVIRONMENT["device_type"] == "cpu"


def test_neither_host_nor_user_is_recorded() -> None:
    text = json.dumps(ENVIRONMENT).lower()

    assert socket.gethostname().lower() not in text.split('"')
    assert getpass.getuser() not in text.split('"')


def test_commit_is_a_full_digest_or_unknown() -> None:
    commit = code_version()["git_commit"]

    assert commit is None or len(commit) == 40
