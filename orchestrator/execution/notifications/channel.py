"""The channel of notifications: the addresses in VSS_NOTIFY, by Apprise."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.secrecy import redact
from vss.errors import UserError

if TYPE_CHECKING:
    from apprise import Apprise

_LAST_WAIT_SECONDS = 20.0


class Channel:
    """A thread that sends messages, so that no trial waits for a service that is slow.

    A message that cannot be sent costs a line on the console and nothing else.
    """

    def __init__(self, addresses: str, say: Callable[[str], object]) -> None:
        """Open the channel.

        Args:
            addresses: addresses as Apprise writes them, separated by commas.
            say: a function that prints a line.

        Raises:
            UserError: if Apprise is not installed or does not know an address.
        """
        self._services = open_services(addresses)
        self._say = say
        self._messages: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def send(self, title: str, text: str) -> None:
        """Send a message in the background."""
        self._messages.put((title, text))

    def close(self) -> None:
        """Wait until all messages have been sent, but not for ever."""
        self._messages.put(None)
        self._thread.join(_LAST_WAIT_SECONDS)

    def _send_all(self) -> None:
        while (message := self._messages.get()) is not None:
            title, text = message
            for service in self._services:
                self._send(service, title, text)

    def _send(self, service: "Apprise", title: str, text: str) -> None:
        reason = "it was refused or not delivered"
        try:
            if service.notify(title=title, body=text):
                return
        except Exception as error:  # its services raise many kinds
            reason = redact(f"{type(error).__name__}: {error}")
        self._say(
            f"could not send a notification to {describe(service)}: {reason}; check VSS_NOTIFY"
        )


def describe(service: "Apprise") -> str:
    """Return the address of a service, without passwords and options."""
    address: str = service[0].url(privacy=True)
    return address.partition("?")[0]


def open_services(addresses: str) -> "list[Apprise]":
    """Return the services behind addresses, without sending anything.

    Raises:
        UserError: if Apprise is not installed or does not know an address.
    """
    try:
        from apprise import Apprise
        from apprise.utils.parse import parse_urls
    except ImportError:
        raise UserError("VSS_NOTIFY needs Apprise: pip install 'vss-orch[notify]'") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # `_send` says what went wrong
    services = []
    for number, address in enumerate(parse_urls(addresses), start=1):
        service = Apprise()
        if not service.add(address):
            scheme, colon, _ = address.partition("://")  # the rest may contain a password
            raise UserError(
                f"address {number} in VSS_NOTIFY{f' ({scheme}://...)' if colon else ''} is not one "
                "that Apprise knows: see https://appriseit.com/services"
            )
        services.append(service)
    if not services:
        raise UserError("VSS_NOTIFY has no address: write for example mailto://user:password@host")
    return services
