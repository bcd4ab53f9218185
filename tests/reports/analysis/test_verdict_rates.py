"""The rate of false verdicts, on a part of what `benchmarks/verdicts.py` measures."""

import pytest
from scipy import stats

from benchmarks.verdict_simulation.studies import Scenario
from benchmarks.verdicts import LIMIT_EQUAL, LIMIT_FOURFOLD, REPORT, run

SCENARIOS = [
    Scenario(1, 3),
    Scenario(10, 3),
    Scenario(10, 5, missing=0.1, correlation=0.3),
    Scenario(3, 5, "noisy baseline"),
    Scenario(10, 3, "noisy baseline", missing=0.1),
    Scenario(10, 3, "one noisy cell"),
]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_false_verdicts_are_as_rare_as_promised(scenario: Scenario) -> None:
    limit = LIMIT_EQUAL if scenario.deviations == "equal" else LIMIT_FOURFOLD

    for row in run(scenario, 2000):
        if row["procedure"] == REPORT:
            assert stats.binom.sf(row["false"] - 1, row["studies"], limit) > 0.001, row
            assert stats.binom.sf(row["equal"] - 1, row["studies"], LIMIT_EQUAL) > 0.001, row


@pytest.mark.slow
def test_simulation_exposes_a_wrong_procedure() -> None:
    """With ten cells of three seeds each, taking a variance as known goes wrong."""
    rows = run(Scenario(10, 3), 1000)
    highest = {
        name: max(row["false"] / row["studies"] for row in rows if row["procedure"] == name)
        for name in ("Satterthwaite, Holm", "paired t, Bonferroni")
    }

    assert highest["Satterthwaite, Holm"] > 0.09
    assert highest["paired t, Bonferroni"] < 0.03
