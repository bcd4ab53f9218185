"""The health of an installation: one function per check, none of which leaves a trace.

Others import `doctor`, `finding` and `table`.
"""
