"""The section on what each setting that varies does."""

import math
from collections.abc import Callable, Sequence

from reports.analysis.comparison import Comparison
from reports.analysis.factors import Effect, Interaction, find_factor_lines
from reports.figures.factor import draw_factor
from reports.text.format import escape, interval, markdown_table, setting_value, signed
from reports.text.page import Page


def write_factors(page: Page) -> str:
    """Write the main effects, their plots and the interactions."""
    if not page.effects:
        return ""
    parts = [
        "## What each factor did",
        "Each effect is the mean over all pairs of cells that differ in this setting alone.",
        _effect_table(page.effects),
        *_plots(page),
    ]
    if page.interactions:
        parts += [
            "Interactions show whether one setting does more where another one has changed: each "
            "is a difference between two effects.",
            _interaction_table(page.interactions),
        ]
    return "\n\n".join(parts)


def _effect_table(effects: Sequence[Effect]) -> str:
    columns: dict[str, Callable[[Effect], str]] = {
        "setting": _effect,
        "pairs": lambda effect: str(len(effect.pairs)),
        "mIoU, points": lambda effect: _points(effect.comparison),
        "95 % interval": lambda effect: _interval(effect.comparison),
        "verdict": lambda effect: effect.comparison.verdict,
    }
    return markdown_table(effects, columns)


def _interaction_table(interactions: Sequence[Interaction]) -> str:
    columns: dict[str, Callable[[Interaction], str]] = {
        "settings": _interaction,
        "mIoU, points": lambda interaction: _points(interaction.comparison),
        "95 % interval": lambda interaction: _interval(interaction.comparison),
        "verdict": lambda interaction: interaction.comparison.verdict,
    }
    return markdown_table(interactions, columns)


def _effect(effect: Effect) -> str:
    value, reference = setting_value(effect.value), setting_value(effect.reference)
    return f"{escape(effect.setting)}: {escape(value)} instead of {escape(reference)}"


def _interaction(interaction: Interaction) -> str:
    changed = (values[1] for values in interaction.values)
    return " with ".join(
        f"{escape(setting)} {escape(setting_value(value))}"
        for setting, value in zip(interaction.settings, changed, strict=True)
    )


def _points(comparison: Comparison) -> str:
    return signed(100 * comparison.difference.mean)


def _interval(comparison: Comparison) -> str:
    difference = comparison.difference
    return interval(100 * difference.low, 100 * difference.high)


def _plots(page: Page) -> list[str]:
    """Draw a line plot for each factor that takes part in a pair of cells."""
    nothing = (math.nan, math.nan)
    scores = {row.cell: (100 * row.score.mean, 100 * row.score.std) for row in page.rows}
    parts = []
    for number, factor in enumerate(find_factor_lines(page.study), start=1):
        file = page.folder / f"factor-{number}.png"
        points = {
            name: [scores.get(cell or "", nothing) for cell in cells]
            for name, cells in factor.lines.items()
        }
        values = [setting_value(value) for value in factor.values]
        if draw_factor(factor.setting, values, points, file):
            parts.append(f"![mIoU against {escape(factor.setting)}]({file.name})")
    return parts
