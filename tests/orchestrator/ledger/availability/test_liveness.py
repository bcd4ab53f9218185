"""Which drivers count as alive."""

from orchestrator.ledger.availability.liveness import Contact


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def note_every_second(contact: Contact, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.seconds += 1
        contact.note()


def test_silence_is_trusted_after_a_whole_timeout_of_contact() -> None:
    clock = Clock()
    contact = Contact(clock)

    note_every_second(contact, clock, 59)
    early = contact.is_established
    note_every_second(contact, clock, 1)

    assert (early, contact.is_established) == (False, True)


def test_outage_of_the_ledger_starts_the_timeout_again() -> None:
    clock = Clock()
    contact = Contact(clock)
    note_every_second(contact, clock, 100)

    clock.seconds += 300
    note_every_second(contact, clock, 59)
    early = contact.is_established
    note_every_second(contact, clock, 2)

    assert (early, contact.is_established) == (False, True)
