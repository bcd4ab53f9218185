"""The check of VSS_NOTIFY."""

import dataclasses

from orchestrator.health.finding import Level
from orchestrator.health.notifications import check_notifications
from orchestrator.settings import Settings


def test_nothing_is_said_without_addresses(settings: Settings) -> None:
    assert check_notifications(settings) == []


def test_addresses_are_shown_without_passwords(settings: Settings) -> None:
    settings = dataclasses.replace(settings, notify="json://me:secret@127.0.0.1:9/")

    (finding,) = check_notifications(settings)

    assert finding.level == Level.OK
    assert finding.text.startswith("json://me:****@127.0.0.1:9")


def test_unknown_address_is_a_problem_with_a_remedy(settings: Settings) -> None:
    settings = dataclasses.replace(settings, notify="nonsense://secret")

    (finding,) = check_notifications(settings)

    assert finding.level == Level.PROBLEM
    assert finding.text.endswith("is not one that Apprise knows")
    assert finding.remedy == "see https://appriseit.com/services"
