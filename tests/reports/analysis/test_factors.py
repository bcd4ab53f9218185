"""Effects and interactions of cells whose scores are chosen by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reports.analysis.factors import (
    FactorLines,
    estimate_effects,
    estimate_interactions,
    find_factor_lines,
    find_factors,
)
from reports.analysis.study import Study
from reports.records import RunRecord
from tests.reports.conftest import SETTINGS, finished, record


def trials(cell: str, miou: float, **settings: Any) -> list[RunRecord]:
    """Make three trials, a point apart."""
    return [
        finished(cell, seed, miou + 0.01 * seed, settings={**SETTINGS, **settings, "seed": seed})
        for seed in range(3)
    ]


def crossed(scores: Mapping[tuple[str, int], float]) -> Study:
    """Make a study of heads crossed with memory lengths."""
    return Study(
        record(
            [
                run
                for (head, memory), miou in scores.items()
                for run in trials(f"{head} {memory}", miou, head=head, memory_length=memory)
            ]
        )
    )


@pytest.fixture
def study() -> Study:
    """Head b is 10 points better, memory 4 is 2 points better with a and 6 with b."""
    return crossed({("a", 1): 0.40, ("a", 4): 0.42, ("b", 1): 0.50, ("b", 4): 0.56})


def test_factors_are_the_settings_that_vary_baseline_first(study: Study) -> None:
    assert find_factors(study.record) == {"head": ["a", "b"], "memory_length": [1, 4]}


def test_main_effect_is_the_mean_over_the_others(study: Study) -> None:
    by_setting = {effect.setting: effect for effect in estimate_effects(study)}

    assert by_setting["head"].comparison.difference.mean == pytest.approx((0.10 + 0.14) / 2)
    assert by_setting["memory_length"].comparison.difference.mean == pytest.approx(
        (0.02 + 0.06) / 2
    )
    assert by_setting["head"].pairs == [("b 1", "a 1"), ("b 4", "a 4")]
    assert by_setting["head"].comparison.difference.seeds == 3


def test_interaction_is_the_difference_of_differences(study: Study) -> None:
    (interaction,) = estimate_interactions(study)

    assert interaction.settings == ("head", "memory_length")
    assert interaction.values == (("a", "b"), (1, 4))
    assert interaction.comparison.difference.mean == pytest.approx(0.06 - 0.02)


def test_one_factor_at_a_time_has_effects_and_no_interaction() -> None:
    study = crossed({("a", 1): 0.40, ("a", 4): 0.42, ("b", 1): 0.50})

    assert {effect.setting for effect in estimate_effects(study)} == {"head", "memory_length"}
    assert estimate_interactions(study) == []


def test_settings_that_only_move_together_have_no_effect_of_their_own() -> None:
    study = crossed({("a", 0): 0.40, ("b", 4): 0.42})

    assert list(find_factors(study.record)) == ["head", "memory_length"]
    assert estimate_effects(study) == []


def test_value_of_none_is_a_value() -> None:
    """An option that only one head takes is not set for the others."""
    runs = [*trials("plain", 0.4, head="tma"), *trials("coded", 0.5, head="tma", code=2.0)]

    (effect,) = estimate_effects(Study(record(runs)))

    assert (effect.setting, effect.reference, effect.value) == ("code", None, 2.0)


def test_lists_and_booleans_are_values() -> None:
    runs = [
        *trials("a", 0.4, weights=[1, 2], code=True),
        *trials("b", 0.5, weights=[2, 1], code=1),
    ]

    assert find_factors(record(runs)) == {"weights": [[1, 2], [2, 1]], "code": [True, 1]}


def test_cell_that_failed_is_left_out_of_effects() -> None:
    failed = RunRecord("b 1", 0, "x", "FAILED", settings={**SETTINGS, "head": "b"})
    study = Study(record([*trials("a 1", 0.4, head="a"), failed]))

    assert estimate_effects(study) == []


def test_lines_run_along_a_factor_with_all_else_equal() -> None:
    study = crossed({("a", 4): 0.42, ("a", 1): 0.40, ("b", 4): 0.56})

    assert find_factor_lines(study) == [
        FactorLines("head", ["a", "b"], {"memory_length=4": ["a 4", "b 4"]}),
        FactorLines("memory_length", [1, 4], {"a": ["a 1", "a 4"]}),
    ]


def heads(*options: Mapping[str, Any]) -> Study:
    """Make a study of cells with these settings, each 10 points better than the last."""
    return Study(
        record(
            [
                run
                for place, settings in enumerate(options)
                for run in trials(f"cell {place}", 0.4 + 0.1 * place, **settings)
            ]
        )
    )


def test_option_that_one_head_takes_belongs_to_the_head() -> None:
    study = heads({"head": "a", "slots": True, "pooling": None}, {"head": "b", "pooling": "cube"})

    (effect,) = estimate_effects(study)

    assert (effect.setting, effect.value, effect.reference) == ("head", "b", "a")
    assert find_factor_lines(study) == [FactorLines("head", ["a", "b"], {"": ["cell 0", "cell 1"]})]


def test_option_that_both_heads_take_counts_as_a_difference() -> None:
    study = heads({"head": "a", "code": 0.0}, {"head": "b", "code": 2.0})

    assert estimate_effects(study) == []


def test_different_defaults_of_an_option_belong_to_the_heads() -> None:
    runs = [
        replace(run, implied=["projection"])
        for cell, kind in (("a", "1x1"), ("b", "3x3"))
        for run in trials(cell, 0.4, head=cell, projection=kind)
    ]
    study = Study(record(runs))

    assert [(e.setting, e.pairs) for e in estimate_effects(study)] == [("head", [("b", "a")])]
    assert find_factor_lines(study) == [FactorLines("head", ["a", "b"], {"": ["a", "b"]})]


def test_other_head_is_compared_with_the_options_of_the_baseline() -> None:
    """Head a is compared with the baseline, b with cube pooling, not with the other pooling."""
    study = heads({"head": "b", "pooling": "cube"}, {"head": "b", "pooling": "clip"}, {"head": "a"})

    pairs = {effect.setting: effect.pairs for effect in estimate_effects(study)}

    assert pairs == {"head": [("cell 2", "cell 0")], "pooling": [("cell 1", "cell 0")]}


def test_lines_are_not_named_after_options_that_the_head_decides() -> None:
    study = heads(
        *({"head": "a", "slots": True, "memory_length": n} for n in (1, 2)),
        *({"head": "b", "slots": None, "memory_length": n} for n in (1, 2)),
    )

    lines = {factor.setting: factor.lines for factor in find_factor_lines(study)}

    assert list(lines["memory_length"]) == ["a", "b"]
    assert list(lines["head"]) == ["memory_length=1", "memory_length=2"]


def test_values_on_no_line_are_left_out() -> None:
    """The plain head has no memory: no other cell differs from it in memory alone."""
    study = crossed({("plain", 0): 0.40, ("a", 1): 0.45, ("a", 4): 0.50})

    assert find_factor_lines(study) == [FactorLines("memory_length", [1, 4], {"a": ["a 1", "a 4"]})]


def test_baseline_that_differs_in_more_than_one_setting_is_no_reference() -> None:
    """The baseline has no memory at all: memory 1 is the first value with pairs."""
    study = crossed({("plain", 0): 0.40, ("a", 1): 0.45, ("a", 4): 0.50})

    (effect,) = estimate_effects(study)

    assert (effect.setting, effect.value, effect.reference) == ("memory_length", 4, 1)
    assert effect.comparison.difference.mean == pytest.approx(0.05)
