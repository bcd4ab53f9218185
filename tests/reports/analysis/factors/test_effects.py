"""Effects and interactions of cells with hand-picked scores."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.analysis.factors.effects import (
    estimate_effects,
    estimate_interactions,
    find_isolated_values,
)
from reports.analysis.factors.lines import FactorLines, find_factor_lines, find_factors
from reports.analysis.study import Study
from reports.records import RunRecord
from tests.reports.conftest import SETTINGS, finished_run, record


def trials(cell: str, miou: float, **settings: Any) -> list[RunRecord]:
    """Make three trials of a cell, one point apart."""
    return [
        finished_run(
            cell, seed, miou + 0.01 * seed, settings={**SETTINGS, **settings, "seed": seed}
        )
        for seed in range(3)
    ]


def crossed_study(scores: Mapping[tuple[str, int], float]) -> Study:
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
    """Return a study in which head b gains 10 points, memory 4 gains 2 with head a and 6 with b."""
    return crossed_study({("a", 1): 0.40, ("a", 4): 0.42, ("b", 1): 0.50, ("b", 4): 0.56})


def test_factors_are_the_settings_that_vary_with_the_baselines_values_first(study: Study) -> None:
    assert find_factors(study.record) == {"head": ["a", "b"], "memory_length": [1, 4]}


def test_main_effect_is_the_mean_over_the_other_settings(study: Study) -> None:
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


def test_design_of_one_factor_at_a_time_has_effects_but_no_interaction() -> None:
    study = crossed_study({("a", 1): 0.40, ("a", 4): 0.42, ("b", 1): 0.50})

    assert {effect.setting for effect in estimate_effects(study)} == {"head", "memory_length"}
    assert estimate_interactions(study) == []


def test_settings_that_only_change_together_have_no_effect_of_their_own() -> None:
    study = crossed_study({("a", 0): 0.40, ("b", 4): 0.42})

    assert list(find_factors(study.record)) == ["head", "memory_length"]
    assert estimate_effects(study) == []


def test_none_is_a_value_of_a_setting() -> None:
    """An option that does not apply to a cell is None there."""
    runs = [*trials("plain", 0.4, head="tma"), *trials("coded", 0.5, head="tma", code=2.0)]

    (effect,) = estimate_effects(Study(record(runs)))

    assert (effect.setting, effect.reference, effect.value) == ("code", None, 2.0)


def test_lists_and_booleans_are_distinct_values() -> None:
    runs = [
        *trials("a", 0.4, weights=[1, 2], code=True),
        *trials("b", 0.5, weights=[2, 1], code=1),
    ]

    assert find_factors(record(runs)) == {"weights": [[1, 2], [2, 1]], "code": [True, 1]}


def test_failed_cell_is_left_out_of_effects() -> None:
    failed = RunRecord("b 1", 0, "x", "FAILED", settings={**SETTINGS, "head": "b"})
    study = Study(record([*trials("a 1", 0.4, head="a"), failed]))

    assert estimate_effects(study) == []


def test_lines_run_along_a_factor_with_all_else_equal() -> None:
    study = crossed_study({("a", 4): 0.42, ("a", 1): 0.40, ("b", 4): 0.56})

    assert find_factor_lines(study) == [
        FactorLines("head", ["a", "b"], {"memory_length=4": ["a 4", "b 4"]}),
        FactorLines("memory_length", [1, 4], {"a": ["a 1", "a 4"]}),
    ]


def study_of(*options: Mapping[str, Any]) -> Study:
    """Make a study of cells with these settings, each 10 points better than the previous one."""
    return Study(
        record(
            [
                run
                for number, settings in enumerate(options)
                for run in trials(f"cell {number}", 0.4 + 0.1 * number, **settings)
            ]
        )
    )


def test_option_of_only_one_head_belongs_to_the_head() -> None:
    study = study_of(
        {"head": "a", "slots": True, "pooling": None}, {"head": "b", "pooling": "cube"}
    )

    (effect,) = estimate_effects(study)

    assert (effect.setting, effect.value, effect.reference) == ("head", "b", "a")
    assert find_factor_lines(study) == [FactorLines("head", ["a", "b"], {"": ["cell 0", "cell 1"]})]


def test_option_of_both_heads_counts_as_a_difference() -> None:
    study = study_of({"head": "a", "code": 0.0}, {"head": "b", "code": 2.0})

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


def test_heads_are_compared_with_the_options_of_the_baseline() -> None:
    """Head a is compared with the baseline (b with cube pooling), not with b with clip pooling."""
    study = study_of(
        {"head": "b", "pooling": "cube"}, {"head": "b", "pooling": "clip"}, {"head": "a"}
    )

    pairs = {effect.setting: effect.pairs for effect in estimate_effects(study)}

    assert pairs == {"head": [("cell 2", "cell 0")], "pooling": [("cell 1", "cell 0")]}


def test_lines_are_not_named_after_options_that_follow_from_the_head() -> None:
    study = study_of(
        *({"head": "a", "slots": True, "memory_length": n} for n in (1, 2)),
        *({"head": "b", "slots": None, "memory_length": n} for n in (1, 2)),
    )

    lines = {factor.setting: factor.lines for factor in find_factor_lines(study)}

    assert list(lines["memory_length"]) == ["a", "b"]
    assert list(lines["head"]) == ["memory_length=1", "memory_length=2"]


def test_values_on_no_line_are_left_out() -> None:
    """The plain head has no memory: no other cell differs from it in memory alone."""
    study = crossed_study({("plain", 0): 0.40, ("a", 1): 0.45, ("a", 4): 0.50})

    assert find_factor_lines(study) == [FactorLines("memory_length", [1, 4], {"a": ["a 1", "a 4"]})]


def test_baseline_that_differs_in_several_settings_is_not_the_reference() -> None:
    """The baseline has no memory at all: memory 1 is the first value with pairs."""
    study = crossed_study({("plain", 0): 0.40, ("a", 1): 0.45, ("a", 4): 0.50})

    (effect,) = estimate_effects(study)

    assert (effect.setting, effect.value, effect.reference) == ("memory_length", 4, 1)
    assert effect.comparison.difference.mean == pytest.approx(0.05)


def test_interaction_is_estimated_if_the_baseline_is_outside_the_crossed_cells() -> None:
    """As in the README: the plain head has neither memory nor the option."""
    cells = {("tma", 1, False): 0.40, ("tma", 2, False): 0.42, ("tma", 4, False): 0.45,
             ("tma", 2, True): 0.43, ("tma", 4, True): 0.50}  # fmt: skip
    runs = trials("fcn", 0.3, head="fcn", memory_length=0)
    for (head, memory, shared), miou in cells.items():
        settings = {"head": head, "memory_length": memory, "share_slots": shared}
        runs += trials(f"{memory} {shared}", miou, **settings)

    (interaction,) = estimate_interactions(Study(record(runs)))

    assert interaction.settings == ("memory_length", "share_slots")
    assert interaction.values == ((2, 4), (False, True))
    assert interaction.comparison.difference.mean == pytest.approx(0.05 - 0.01)


def test_order_that_the_fit_reverses_has_an_effect_of_its_own() -> None:
    """Memory 4 beats 2 wherever both exist, but head a, which gains most from memory, lacks 4."""
    study = crossed_study(
        {("a", 1): 0.40, ("a", 2): 0.48, ("b", 1): 0.40, ("b", 2): 0.41, ("b", 4): 0.415}
    )

    effects = {
        (e.reference, e.value): (e.comparison.difference.mean, e.pairs)
        for e in estimate_effects(study)
        if e.setting == "memory_length"
    }

    assert effects[1, 2][0] == pytest.approx(0.045)
    assert effects[1, 4][0] < effects[1, 2][0]
    assert effects[2, 4] == (pytest.approx(0.005), [("b 4", "b 2")])


def test_order_that_the_fit_preserves_needs_no_effect_of_its_own() -> None:
    study = crossed_study(
        {("a", 1): 0.40, ("a", 2): 0.45, ("b", 1): 0.40, ("b", 2): 0.44, ("b", 4): 0.47}
    )

    effects = [e for e in estimate_effects(study) if e.setting == "memory_length"]

    assert [(e.reference, e.value) for e in effects] == [(1, 2), (1, 4)]


def test_effect_that_all_pairs_agree_on_keeps_its_sign() -> None:
    """Memory 4 beats 1 directly, but loses by way of 2."""
    study = crossed_study(
        {("a", 1): 0.40, ("a", 4): 0.41, ("b", 1): 0.50, ("b", 2): 0.40, ("c", 2): 0.5,
         ("c", 4): 0.41}
    )  # fmt: skip

    (effect,) = [e for e in estimate_effects(study) if (e.reference, e.value) == (1, 4)]

    assert effect.comparison.difference.mean == pytest.approx(0.01)


def test_effect_is_the_least_squares_fit_to_the_cells() -> None:
    scores = {("a", 1): 0.40, ("a", 2): 0.47, ("b", 2): 0.52, ("b", 4): 0.50, ("c", 1): 0.3,
              ("c", 4): 0.36, ("c", 2): 0.33}  # fmt: skip
    heads, memories = ["a", "b", "c"], [1, 2, 4]
    design = np.zeros((len(scores), 6))
    for row, (head, memory) in zip(design, scores, strict=True):
        row[[heads.index(head), 3 + memories.index(memory)]] = 1
    values = np.linalg.lstsq(design, np.array(list(scores.values())), rcond=None)[0][3:]

    effects = {
        e.value: e.comparison.difference.mean
        for e in estimate_effects(crossed_study(scores))
        if e.setting == "memory_length"
    }

    assert effects == pytest.approx({2: values[1] - values[0], 4: values[2] - values[0]})


def test_value_that_is_only_indirectly_connected_with_the_reference_has_an_effect() -> None:
    study = crossed_study({("a", 1): 0.40, ("a", 2): 0.45, ("b", 2): 0.50, ("b", 4): 0.52})

    (indirect,) = [e for e in estimate_effects(study) if e.value == 4]

    assert indirect.pairs == []
    assert indirect.comparison.difference.mean == pytest.approx(0.05 + 0.02)
    assert indirect.comparison.difference.seeds == 3


def test_groups_of_values_that_no_pair_connects_have_their_own_references() -> None:
    study = crossed_study({("a", 1): 0.40, ("a", 2): 0.45, ("b", 4): 0.50, ("b", 8): 0.53})

    effects = [(e.reference, e.value) for e in estimate_effects(study)]

    assert effects == [(1, 2), (4, 8)]


def test_values_without_a_pair_are_isolated() -> None:
    study = crossed_study({("plain", 0): 0.40, ("a", 1): 0.45, ("a", 4): 0.50})

    assert find_isolated_values(study) == {"head": ["plain", "a"], "memory_length": [0]}


def test_effect_uses_every_seed_that_a_pair_shares() -> None:
    """Each pair lacks one trial, always of a different seed, so no seed is in all cells."""
    scores = {("a", 1): 0.40, ("a", 4): 0.42, ("b", 1): 0.50, ("b", 4): 0.56, ("c", 1): 0.45,
              ("c", 4): 0.48}  # fmt: skip
    missing_trials = {("a 1", 0), ("b 4", 1), ("c 1", 2)}
    runs = [
        run
        for (head, memory), miou in scores.items()
        for run in trials(f"{head} {memory}", miou, head=head, memory_length=memory)
        if (run.cell, run.seed) not in missing_trials
    ]

    (effect,) = [e for e in estimate_effects(Study(record(runs))) if e.setting == "memory_length"]

    assert effect.comparison.difference.mean == pytest.approx((0.02 + 0.06 + 0.03) / 3)
    assert effect.comparison.difference.seeds == 3


def test_clear_interaction_splits_the_effects_by_context() -> None:
    study = crossed_study({("a", 1): 0.40, ("a", 4): 0.48, ("b", 1): 0.50, ("b", 4): 0.41})
    interactions = estimate_interactions(study)

    effects = estimate_effects(study, interactions)

    assert [interaction.comparison.verdict for interaction in interactions] == ["worse"]
    assert [
        (e.setting, e.context, round(e.comparison.difference.mean, 9)) for e in effects
    ] == [
        ("head", {"memory_length": 1}, 0.10),
        ("head", {"memory_length": 4}, -0.07),
        ("memory_length", {"head": "a"}, 0.08),
        ("memory_length", {"head": "b"}, -0.09),
    ]  # fmt: skip


def test_cell_whose_score_is_not_a_number_is_left_out_of_effects() -> None:
    study = Study(record([*trials("a 1", 0.4, head="a"), *trials("b 1", math.nan, head="b")]))

    assert estimate_effects(study) == []
    assert find_isolated_values(study) == {"head": ["a", "b"]}
