"""The section on the effect of each factor."""

import math
from collections.abc import Callable, Sequence

from reports.analysis.comparison import TEST_SET, Comparison
from reports.analysis.factors.effects import Effect, Interaction, find_isolated_values
from reports.analysis.factors.lines import find_factor_lines
from reports.figures.factor import draw_factor
from reports.text.answer.effects import describe_context, describe_other_effects
from reports.text.format import (
    difference_interval,
    escape,
    level,
    markdown_table,
    setting_value,
    show_figure,
    signed,
)
from reports.text.page import Page
from reports.text.sentences import join, verb

_MAX_NAMES = 8  # of a setting's values in a sentence; the rest are counted


def write_factors(page: Page) -> str:
    """Write the main effects, their plots, the values without an estimate and the interactions."""
    heading = "## Effect of each factor"
    isolated_values = _name_isolated_values(page)
    if not page.effects:
        return f"{heading}\n\n{isolated_values}" if isolated_values else ""
    parts = [
        heading,
        _introduce(page),
        _effect_table(page.effects),
        *describe_other_effects(page.effects),
        *filter(None, [isolated_values]),
        *_draw_plots(page),
    ]
    if page.interactions:
        parts += [
            "An interaction shows whether the effect of one setting depends on another; it is the "
            "difference between two effects.",
            _interaction_table(page.interactions),
        ]
    return "\n\n".join(parts)


def _introduce(page: Page) -> str:
    """Say what an effect is, and which of them depend on another setting."""
    text = (
        "Cells that differ in a single setting show its effect: the mean over all such pairs or, "
        "if some combinations of the other settings lack a value, a least-squares fit of one term "
        "per combination and one per value. Where the fit contradicts all pairs of two values, "
        "these pairs have a row of their own. `pairs` counts the pairs of cells that differ in "
        "exactly the two values."
    )
    split = list(dict.fromkeys(e.setting for e in page.effects if e.context))
    if split:
        settings = join([escape(setting) for setting in split])
        text += (
            f" {verb(split, 'The effect', 'The effects')} of {settings} "
            f"{verb(split, 'depends', 'depend')} on another setting and "
            f"{verb(split, 'is', 'are')} given for each of its values."
        )
    return text


def _name_isolated_values(page: Page) -> str:
    """Name the values whose effect no pair of cells shows."""
    factors = find_isolated_values(page.study)
    if not factors:
        return ""
    names = [
        f"{escape(setting)} {join([escape(setting_value(v)) for v in values], _MAX_NAMES)}"
        for setting, values in factors.items()
    ]
    return (
        "Not estimated, because no two scored cells differ in these values alone: "
        f"{'; '.join(names)}."
    )


def _effect_table(effects: Sequence[Effect]) -> str:
    columns: dict[str, Callable[[Effect], str]] = {
        "setting": _effect,
        "pairs": lambda effect: str(len(effect.pairs)),
        "mIoU, points": lambda effect: _points(effect.comparison),
        _heading([effect.comparison for effect in effects]): lambda e: _interval(e.comparison),
        "verdict": lambda effect: effect.comparison.verdict,
    }
    return markdown_table(effects, columns)


def _interaction_table(interactions: Sequence[Interaction]) -> str:
    columns: dict[str, Callable[[Interaction], str]] = {
        "settings": _interaction,
        "mIoU, points": lambda interaction: _points(interaction.comparison),
        _heading([each.comparison for each in interactions]): lambda i: _interval(i.comparison),
        "verdict": lambda interaction: interaction.comparison.verdict,
    }
    return markdown_table(interactions, columns)


def _effect(effect: Effect) -> str:
    value, reference = setting_value(effect.value), setting_value(effect.reference)
    text = f"{escape(effect.setting)}: {escape(value)} instead of {escape(reference)}"
    context = describe_context(effect)
    return f"{text}, with {context}" if context else text


def _interaction(interaction: Interaction) -> str:
    second_values = (values[1] for values in interaction.values)
    return " with ".join(
        f"{escape(setting)} {escape(setting_value(value))}"
        for setting, value in zip(interaction.settings, second_values, strict=True)
    )


def _points(comparison: Comparison) -> str:
    return signed(100 * comparison.difference.mean)


def _interval(comparison: Comparison) -> str:
    return difference_interval(comparison.difference)


def _heading(comparisons: Sequence[Comparison]) -> str:
    """Name the intervals, and say whether any of them ignores the variation over seeds."""
    covers = {c.difference.covers for c in comparisons if not math.isnan(c.difference.low)}
    name = f"{level(comparisons[0].difference.confidence)} interval"
    if covers == {(TEST_SET,)}:
        return f"{name}, {TEST_SET} only"
    exception = f" (one seed: {TEST_SET} only)" if (TEST_SET,) in covers else ""
    return f"{name}{exception}"


def _draw_plots(page: Page) -> list[str]:
    """Draw a line plot for each factor that has a pair of cells differing in it alone."""
    no_score = (math.nan, math.nan)
    scores = {row.cell: (100 * row.score.mean, 100 * row.score.std) for row in page.rows}
    parts = []
    for number, factor in enumerate(find_factor_lines(page.study), start=1):
        file = page.folder / f"factor-{number}.svg"
        points = {
            name: [scores.get(cell or "", no_score) for cell in cells]
            for name, cells in factor.lines.items()
        }
        values = [setting_value(value) for value in factor.values]
        if draw_factor(factor.setting, values, points, file):
            parts.append(
                show_figure(
                    file.name,
                    f"mIoU against {escape(factor.setting)}",
                    f"Mean over seeds at each value of {escape(factor.setting)}; bars: one "
                    "standard deviation over seeds to either side.",
                )
            )
    return parts
