"""The check of the files with passwords; that of Ray's token is part of Ray's check."""

import stat

from orchestrator.health.finding import Finding, Level
from orchestrator.settings import password_files

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_password_files() -> list[Finding]:
    """Check that nobody but their owner can read the files that variables name."""
    findings = []
    for variable, file in password_files().items():
        if file.stat().st_mode & _OTHERS:
            text = f"other users can read {variable}={file}"
            findings.append(Finding("passwords", Level.WARNING, text, f"chmod 600 {file}"))
    return findings
