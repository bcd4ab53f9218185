"""The opening sentences of a report."""

import math
from dataclasses import replace
from typing import Any

import pytest

from reports.analysis.factors.effects import estimate_effects, estimate_interactions
from reports.analysis.study import Study
from reports.records import RunRecord
from reports.text.answer.summary import answer
from tests.reports.conftest import SETTINGS, finished_run, record


def cell(name: str, mious: list[float], **settings: Any) -> list[RunRecord]:
    """Make the trials of a cell from its score at each seed."""
    return [
        finished_run(name, seed, miou, settings={**SETTINGS, **settings, "seed": seed})
        for seed, miou in enumerate(mious)
    ]


def answer_to(
    *runs: list[RunRecord], latency: dict[str, float] | None = None, **changes: Any
) -> str:
    """Return the answer of an experiment with these cells, one sentence per line."""
    study = Study(record([run for trials in runs for run in trials], **changes))
    interactions = estimate_interactions(study)
    effects = estimate_effects(study, interactions)
    return "\n".join(answer(study, effects, interactions, latency or {}))


BASE = [0.40, 0.42, 0.44]


def test_clear_winner_is_separable() -> None:
    text = answer_to(cell("base", BASE), cell("new", [0.50, 0.521, 0.541]))

    assert (
        "**new** scores highest, 52.07 % mIoU, and is separable from the runner-up, **base**."
        in text
    )
    assert "Compared with the baseline" not in text  # the first sentence already compares the two


def test_difference_within_the_noise_is_not_separable() -> None:
    text = answer_to(
        cell("base", BASE), cell("new", [0.42, 0.42, 0.434]), cell("also", [0.42, 0.41, 0.44])
    )

    assert "but is not separable from the runner-up" in text
    assert "**base**: **new** and **also** are not separable." in text


def test_one_seed_gives_no_verdict() -> None:
    text = answer_to(cell("base", [0.4]), cell("new", [0.9]), cell("also", [0.8]))

    assert "there is no verdict: fewer than 3 shared seeds." in text
    assert "**new** and **also** have no verdict (fewer than 3 shared seeds)." in text
    assert "separable" not in text


def test_better_and_worse_cells_are_in_separate_clauses() -> None:
    text = answer_to(
        cell("base", BASE), cell("up", [v + 0.1 for v in BASE]), cell("down", [0.3, 0.32, 0.341])
    )

    assert "**up** is better by 10.00 points; **down** is worse by 9.97 points." in text


def test_of_many_cells_each_clause_names_the_best() -> None:
    better = [cell(f"up {n}", [v + 0.1 + n / 100 for v in BASE]) for n in range(5)]
    worse = [cell(f"down {n}", [v - 0.1 - n / 100 for v in BASE]) for n in range(5)]

    text = answer_to(cell("base", BASE), *better, *worse)

    assert "**up 4** and 4 more are better by up to 14.00 points; **down 0** and 4 more" in text


def test_effect_is_attributed_to_the_only_setting_that_changed() -> None:
    text = answer_to(
        cell("one", BASE, memory_length=1), cell("four", [v + 0.05 for v in BASE], memory_length=4)
    )

    assert "memory_length 4 instead of 1 changes mIoU by +5.00 points." in text


def test_values_that_are_not_separable_are_named() -> None:
    text = answer_to(cell("one", BASE, code=False), cell("four", [0.43, 0.41, 0.44], code=True))

    assert "All else being equal, code true is not separable from false." in text


def test_values_of_a_setting_that_are_not_separable_share_a_clause() -> None:
    noisy = [0.43, 0.41, 0.44]
    text = answer_to(
        cell("base", BASE, head="a", width=16), cell("b", noisy, head="b", width=16),
        cell("c", noisy, head="c", width=16), cell("wide", noisy, head="a", width=64),
    )  # fmt: skip

    assert (
        "All else being equal: head b and c are not separable from a; "
        "width 64 is not separable from 16." in text
    )


def test_interacting_settings_are_named_in_pairs() -> None:
    gains = {("a", 1): 0.0, ("a", 4): 0.0, ("b", 1): 0.0, ("b", 4): 0.1}
    runs = [
        cell(f"{head} {memory}", [v + gain for v in BASE], head=head, memory_length=memory)
        for (head, memory), gain in gains.items()
    ]

    text = answer_to(*runs)

    assert "because settings interact: head with memory_length." in text


def test_frontier_is_listed_from_fast_to_accurate() -> None:
    runs = [cell("base", BASE), cell("slow", [v + 0.1 for v in BASE]), cell("bad", [0.1, 0.1, 0.1])]

    text = answer_to(*runs, latency={"base": 2.0, "slow": 5.0, "bad": 3.0})

    assert (
        "2 of 3 cells are on the accuracy-latency frontier, fastest first: **base** and **slow**."
        in text
    )


def test_missing_trials_are_counted() -> None:
    failed = RunRecord("base", 3, "x", "FAILED", settings={})

    text = answer_to([*cell("base", BASE), failed])

    assert "Only **base** has a score: 42.00 % mIoU." in text
    assert "Missing: 1 of 4 trials without a result (**base**)." in text


def test_experiment_without_a_finished_trial_has_one_sentence() -> None:
    failed = RunRecord("base", 0, "x", "FAILED", settings={})

    assert answer_to([failed]) == "No results yet: no trial has finished."


@pytest.mark.parametrize("name", ["a|b", "<script>", "$x$", "naïve"])
def test_odd_names_are_escaped(name: str) -> None:
    text = answer_to(cell(name, BASE), cell("new", [0.5, 0.52, 0.54]), latency={name: math.nan})

    assert "<script>" not in text
    assert "|" not in text.replace("\\|", "")


def test_long_lists_are_cut() -> None:
    many = [cell(f"c{n}", [v + 0.1 for v in BASE]) for n in range(8)]

    assert "and 5 more" in answer_to(cell("base", BASE), *many)


def test_cell_with_too_few_seeds_has_no_verdict() -> None:
    text = answer_to(
        cell("base", BASE), cell("up", [v + 0.1 for v in BASE]), cell("few", [0.41, 0.43])
    )

    assert "**up** is better by 10.00 points; **few** has no verdict (fewer than 3" in text


def test_rank_and_comparison_use_the_same_seeds() -> None:
    """The baseline has two more seeds, both 20 points better: its plain mean is the higher one."""
    base = cell("base", [0.40, 0.41, 0.42, 0.61, 0.62])
    new = cell("new", [0.45, 0.461, 0.47])

    text = answer_to(base, new)

    assert "**new** scores highest, 54.2" in text
    assert "(adjusted for missing seeds), and is separable from the runner-up, **base**." in text


def test_equal_cells_tie() -> None:
    text = answer_to(cell("base", BASE), cell("twin", BASE), cell("low", [0.1, 0.12, 0.13]))

    assert "**base** and **twin** tie for the highest score, 42.00 % mIoU; they are not" in text
    assert "they are not separable." in text


def test_equal_cells_without_a_common_seed_tie_too() -> None:
    twin = [replace(run, seed=run.seed + 5) for run in cell("twin", BASE)]

    text = answer_to(cell("base", BASE), twin)

    assert "**base** and **twin** tie for the highest score, 42.00 % mIoU; there is no" in text
    assert "there is no verdict: fewer than 3 shared seeds." in text


@pytest.mark.parametrize(
    ("gain", "sentence"),
    [
        (0.0001, "but is equivalent within 0.5 points to the runner-up"),
        (0.004, "and is separable, by less than 0.5 points, from the runner-up"),
        (0.1, "and is separable from the runner-up"),
    ],
)
def test_sentences_state_the_margin(gain: float, sentence: str) -> None:
    new = [0.40 + gain, 0.42 + gain + 0.0003, 0.44 + gain - 0.0003]

    assert sentence in answer_to(cell("base", BASE), cell("new", new), margin_points=0.5)


def test_cells_are_equivalent_to_the_baseline_within_a_margin() -> None:
    close_scores = [[v + shift for v, shift in zip(BASE, s, strict=True)] for s in (
        (0.0003, -0.0002, 0.0001), (-0.0002, 0.0, 0.0004), (0.003, 0.0031, 0.0029)
    )]  # fmt: skip

    text = answer_to(
        cell("base", BASE),
        *(cell(f"c{n}", row) for n, row in enumerate(close_scores)),
        margin_points=0.5,
    )

    assert "is better, by less than 0.5 points; **c1** and **c0** are equivalent" in text
    assert "are equivalent within 0.5 points." in text


def test_cells_without_a_common_seed_are_ranked_but_not_compared() -> None:
    new = [replace(run, seed=run.seed + 5) for run in cell("new", [0.50, 0.52, 0.53])]

    text = answer_to(cell("base", BASE), new)

    assert "**new** scores highest, 51.67 % mIoU, ahead of the runner-up, **base**; there" in text
    assert "there is no verdict: fewer than 3 shared seeds." in text
    assert "nan" not in text


def test_interim_report_gives_no_verdict() -> None:
    cells = [cell("base", BASE), cell("up", [0.5, 0.52, 0.55]), cell("low", [0.3, 0.33, 0.34])]

    text = answer_to(*cells, interim="2 trials are running")

    assert "there is no verdict: this is an interim report." in text
    assert "**up** and **low** have no verdict yet (interim)." in text
    assert "separable" not in text


def test_baseline_without_a_score_is_named() -> None:
    failed = RunRecord("base", 0, "x", "FAILED", settings={})

    text = answer_to([failed], cell("new", BASE), cell("other", [0.3, 0.31, 0.3]))

    assert "The baseline, **base**, has no score, so no cell is compared with it." in text


def test_scores_that_are_not_numbers_are_named() -> None:
    text = answer_to(cell("base", [math.nan]), cell("new", [math.nan]))

    assert text == "No finished trial has a score."
    assert "Missing: 1 finished trial without a score (**new**)." in answer_to(
        cell("base", BASE), cell("new", [math.nan])
    )


def test_setting_without_a_verdict_is_not_reported_as_without_effect() -> None:
    """Only the cell with option b has a single seed, so the effect of b could be anything."""
    text = answer_to(
        cell("base", BASE, a=0, b=0), cell("a", [0.43, 0.41, 0.44], a=1, b=0),
        cell("b", [0.9], a=0, b=1),
    )  # fmt: skip

    assert "All else being equal, a 1 is not separable from 0." in text
    assert "effect of b" not in text
    assert "b 1" not in text


def test_effects_that_interact_are_given_for_each_context() -> None:
    """Memory gains 8 points with head a and loses 9 with head b: -0.5 on average."""
    gains = {("a", 1): 0.0, ("a", 4): 0.08, ("b", 1): 0.0, ("b", 4): -0.09}
    runs = [
        cell(f"{head} {memory}", [v + gain for v in BASE], head=head, memory_length=memory)
        for (head, memory), gain in gains.items()
    ]

    text = answer_to(*runs)

    assert "head b instead of a with memory_length 4 changes mIoU by -17.00 points." in text
    assert "-0.50" not in text


LATENCY = {"base": 2.0, "slow": 5.0}


def test_lead_on_the_frontier_that_is_not_separable_is_marked() -> None:
    text = answer_to(cell("base", BASE), cell("slow", [0.41, 0.42, 0.435]), latency=LATENCY)

    assert "2 of 2 cells are on the accuracy-latency frontier" in text
    assert "**base** and **slow** (lead not separable)." in text


def test_lead_on_the_frontier_without_a_verdict_is_marked() -> None:
    text = answer_to(cell("base", [0.4]), cell("slow", [0.5]), latency=LATENCY)

    assert "**base** and **slow** (lead without a verdict)." in text


def test_cell_without_a_latency_is_named_after_the_frontier() -> None:
    runs = [cell("base", BASE), cell("slow", [0.3, 0.31, 0.35]), cell("best", [0.9, 0.91, 0.93])]

    text = answer_to(*runs, latency=LATENCY)

    assert "Of the cells with a score and a latency, none is faster or scores higher" in text
    assert "Missing: no latency of **best**." in text
    assert "No other cell" not in text
