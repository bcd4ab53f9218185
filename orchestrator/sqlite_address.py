"""Addresses of SQLite files, whose special characters are escaped in a URL."""

from pathlib import Path
from urllib.parse import unquote

_START = "sqlite:///"


def sqlite_address(path: Path) -> str:
    """Return the address of an SQLite file, such as sqlite:////folder/ledger.db."""
    return _START + str(path).replace("%", "%25").replace("?", "%3F")


def sqlite_path(address: str) -> Path | None:
    """Return the file at an address; None if the address is not one of an SQLite file."""
    if not address.startswith(_START):
        return None
    return Path(unquote(address.removeprefix(_START).partition("?")[0]))
