"""The page of all settings and names: `python -m orchestrator.terminal.reference.settings_page`."""

import json
from collections.abc import Iterator

from orchestrator.terminal.reference.setting_list import describe_settings
from vss.catalog import CHOICES

_INTRODUCTION = """\
# Settings

What a cell may contain. `make docs` makes this page from the code; `vss-orch names` prints the
same, `vss-orch schema` the JSON schema for editors. [specs.md](specs.md) has the keys of the spec
itself."""


def build_settings_page() -> str:
    """Return the page, in Markdown."""
    return "\n".join((_INTRODUCTION, "", *_settings(), *_names()))


def _settings() -> Iterator[str]:
    yield "| setting | meaning | values | default |"
    yield "|---|---|---|---|"
    for setting in describe_settings():
        values = f"{setting.type}: {setting.values}" if setting.values else setting.type
        yield f"| `{setting.name}` | {setting.description} | {values} | {setting.default_note} |"
    yield ""


def _names() -> Iterator[str]:
    for kind, rows in CHOICES.items():
        yield f"## {kind.capitalize()}"
        yield ""
        yield "| name | source | options and their defaults |"
        yield "|---|---|---|"
        for name, row in rows.items():
            options = (f"`{option}`: {json.dumps(value)}" for option, value in row.options.items())
            yield f"| `{name}` | {row.source} | {', '.join(options)} |"
        yield ""


if __name__ == "__main__":
    print(build_settings_page(), end="")
