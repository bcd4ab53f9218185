"""The addresses that are told what happens to experiments. Nothing is sent to them."""

from orchestrator.execution.notifications.channel import describe, open_services
from orchestrator.health.finding import Finding, Level
from orchestrator.settings import Settings
from vss.errors import UserError


def check_notifications(settings: Settings) -> list[Finding]:
    """Check that Apprise is installed and knows the addresses in VSS_NOTIFY, if there are any."""
    if settings.notify is None:
        return []
    try:
        addresses = [describe(service) for service in open_services(settings.notify)]
    except UserError as error:
        text, _, remedy = str(error).rpartition(": ")
        return [Finding("notifications", Level.PROBLEM, text, remedy)]
    return [Finding("notifications", Level.OK, ", ".join(addresses))]
