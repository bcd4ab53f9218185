"""The one error that a user can mend."""


class UserError(Exception):
    """A mistake in what the user gave: a spec, a folder, a setting.

    The message is all that is shown: it names the culprit, shows the value found and says what to
    write instead. Raised inside a trial it fails that trial for good; a retry would meet it again.
    """
