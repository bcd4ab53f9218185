"""The one redactor: hides passwords in addresses, and every secret that this process knows.

It rather hides too much: of `http://host/a:b@c`, `b` may be the end of a password with a slash.
"""

import functools
import re
from typing import Any

from orchestrator.secrecy.known_values import known_values

HIDDEN = "***"
_WORD = re.compile(r"\S+")
# What precedes the password of an address. No part of it is searched for twice, whatever the text:
# a pattern of the whole login would take minutes for a word of a million letters.
_BEFORE_PASSWORD = re.compile(r"(?::|%3A)(?://|%2F%2F)(?:(?!%3A)[^:@])*(?::|%3A)", re.IGNORECASE)
_AT = ("@", "%40")
# A user without a password is one only in front of a web address; a database's user is no secret.
_TOKEN_AS_USER = re.compile(r"(?P<scheme>https?://)[^\s:/@?#]+@", re.IGNORECASE)
_LABEL = (
    r"(?:password|passwd|passphrase|pwd|token|secret|credentials?|signature"
    r"|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key)"
)
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)"
_ASSIGNED = re.compile(rf"(?P<name>{_LABEL}=){_VALUE}", re.IGNORECASE)
_QUERY = re.compile(rf"(?P<name>[?&](?:key|auth|sig)=){_VALUE}", re.IGNORECASE)
_QUOTED = re.compile(
    rf"(?P<name>{_LABEL}(?P<quote>['\"])\s*:\s*)"
    r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<name>\bauthorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)\s+)[^\s'\"]+", re.IGNORECASE
)
_SHORTEST = 6  # characters of a secret that is looked for on its own
_UNMISTAKABLE = 12  # characters from which on it may also be part of a word
_Patterns = tuple[re.Pattern[str], ...]


def redact(text: str) -> str:
    """Return a text in which asterisks replace every secret that can be told from other text."""
    return _redact(text, _known_patterns(known_values()))


def redact_all(value: Any) -> Any:
    """Return a value of JSON with all texts redacted, at any depth; keys stay as they are."""
    return _redact_all(value, _known_patterns(known_values()))


def _redact_all(value: Any, patterns: _Patterns) -> Any:
    if isinstance(value, str):
        return _redact(value, patterns)
    if isinstance(value, dict):
        return {key: _redact_all(content, patterns) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_all(content, patterns) for content in value]
    return value


def _redact(text: str, patterns: _Patterns) -> str:
    for pattern in patterns:
        text = pattern.sub(HIDDEN, text)
    if any(at in text for at in _AT):
        text = _WORD.sub(_hide_password, text)
        text = _TOKEN_AS_USER.sub(rf"\g<scheme>{HIDDEN}@", text)
    if "=" in text or ":" in text:
        for pattern in (_ASSIGNED, _QUERY, _HEADER):
            text = pattern.sub(rf"\g<name>{HIDDEN}", text)
        text = _QUOTED.sub(rf"\g<name>\g<quote>{HIDDEN}\g<quote>", text)
    return text


def _hide_password(word: re.Match[str]) -> str:
    """Hide what is between the user of an address and the last "@" of a word without blanks.

    Passwords contain "@", "/" and "?" in spite of the standard.
    """
    text = word[0]
    end = max(map(text.rfind, _AT))
    before = _BEFORE_PASSWORD.search(text, 0, end) if end > 0 else None
    return text if before is None else f"{text[: before.end()]}{HIDDEN}{text[end:]}"


@functools.lru_cache(maxsize=8)
def _known_patterns(values: tuple[str, ...]) -> _Patterns:
    """Return what finds any of these values, the longest first."""
    parts = [
        _bounded(value) for value in sorted(values, key=len, reverse=True) if _is_findable(value)
    ]
    return (re.compile("|".join(parts)),) if parts else ()


def _is_findable(value: str) -> bool:
    """Return whether a value can be looked for: a short one would be found in any text."""
    return len(value) >= _SHORTEST and bool(value.strip())


def _bounded(value: str) -> str:
    """Return the pattern of a value, which must be a whole word if it is short."""
    pattern = re.escape(value)
    if len(value) >= _UNMISTAKABLE:
        return pattern
    before = r"(?<!\w)" if re.match(r"\w", value) else ""
    after = r"(?!\w)" if re.search(r"\w$", value) else ""
    return f"{before}{pattern}{after}"
