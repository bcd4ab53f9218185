"""Texts and a console without the control characters of strangers.

Others import `text.neutralise`, and `console.PlainConsole` in place of Rich's.
"""
