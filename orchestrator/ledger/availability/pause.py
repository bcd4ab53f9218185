"""A pause: what is waited for while a service is out of reach, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Pause:
    """A wait for a service.

    Attributes:
        service: what is waited for, for example "the ledger".
        reason: why it is out of reach, in a few words.
        since: the start of the wait.
    """

    service: str
    reason: str
    since: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def to_json(self) -> dict[str, str]:
        """Return the wait as JSON values."""
        return {"service": self.service, "reason": self.reason, "since": self.since.isoformat()}

    @classmethod
    def from_json(cls, values: Mapping[str, str]) -> "Pause":
        """Return the wait that `to_json` has converted."""
        since = datetime.fromisoformat(values["since"])
        return cls(values["service"], values["reason"], since)

    def __str__(self) -> str:
        time = self.since.astimezone().strftime("%H:%M:%S")
        return f"waiting for {self.service} since {time} ({self.reason})"
