"""Secrets stay where they are: addresses without their passwords, and texts without any secret.

Others import `redact`, for every text that is printed, logged, stored or reported, and the modules
of this folder. It knows nothing of settings: the process environment says what is secret.
"""

from orchestrator.secrecy.redaction import redact

__all__ = ["redact"]
