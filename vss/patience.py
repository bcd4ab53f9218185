"""What a trial does while its directory cannot be written."""

from typing import Protocol


class Patience(Protocol):
    """A wait for the storage; whoever runs the trial decides how long."""

    def begin(self, error: OSError) -> None:
        """Note that a write has failed, for the first time or again; raise the error to give up."""

    def wait(self) -> None:
        """Wait until it is worth trying again."""

    def end(self) -> None:
        """Note that a write has succeeded."""


class NoPatience:
    """The error of the first failed write ends the trial."""

    def begin(self, error: OSError) -> None:
        """Raise the error."""
        raise error

    def wait(self) -> None:
        """Do nothing: `begin` has raised."""

    def end(self) -> None:
        """Do nothing."""
