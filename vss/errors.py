"""The error for mistakes that a user can fix."""


class UserError(Exception):
    """Raised for a mistake in a user's input: a spec, a folder, a setting.

    Only the message is shown: it names the culprit, shows its value and says what to write instead.
    Raised within a trial, it fails that trial for good, as a retry would fail in the same way.
    """
