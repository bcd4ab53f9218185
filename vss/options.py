"""Options: settings that apply only to some choices, such as one head. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from typing import Any

from vss.catalog import CHOICES

ALL_OPTIONS = sorted(
    {option for table in CHOICES.values() for choice in table.values() for option in choice.options}
)


def list_implied_options(settings: Mapping[str, Any]) -> list[str]:
    """List the options of a trial that equal the default of its choices, which is implied."""
    choices = [table.get(settings.get(setting, "")) for setting, table in CHOICES.items()]
    return [
        option
        for choice in choices
        if choice is not None
        for option, default in choice.options.items()
        if settings.get(option) == default
    ]


def list_varying_settings(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the settings in which trials differ, in the order in which they state them.

    The seed does not count, nor does an option that is implied wherever it applies.
    """
    implied = [set(list_implied_options(settings)) for settings in trials]
    names = dict.fromkeys(name for settings in trials for name in settings if name != "seed")
    return [
        name
        for name in names
        if any(settings.get(name) != trials[0].get(name) for settings in trials[1:])
        and any(name in s and name not in i for s, i in zip(trials, implied, strict=True))
    ]


def find_setting(option: str) -> str:
    """Return the setting whose choices take an option."""
    return next(
        setting
        for setting, table in CHOICES.items()
        if any(option in choice.options for choice in table.values())
    )


def list_choices_with(option: str) -> str:
    """List the choices that have an option, for example "head tma, apnb_tma"."""
    names_by_setting = {
        setting: [name for name, choice in table.items() if option in choice.options]
        for setting, table in CHOICES.items()
    }
    return ", ".join(
        f"{setting} {', '.join(names)}" for setting, names in names_by_setting.items() if names
    )
