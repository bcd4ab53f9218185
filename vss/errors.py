"""The error for mistakes that a user can fix."""


class UserError(Exception):
    """Raised for a mistake in a user's input: a spec, a folder, a setting.

    Only the message is shown: it names the culprit, shows its value and says what to write instead.
    A trial that raises it is not retried, as it would fail in the same way again.
    """
