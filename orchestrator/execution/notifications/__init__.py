"""Messages to the user: an experiment has ended, a trial has failed, something is waited for.

Others import `notifier`, and `channel` to check addresses. Only this folder imports Apprise, which
is optional.
"""
