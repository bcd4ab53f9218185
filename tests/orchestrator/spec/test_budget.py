"""The budget in a spec."""

import pytest

from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError


def test_budget_is_read(write_spec: SpecWriter) -> None:
    spec = write_spec(TINY_SPEC + "budget: {trial_hours: 2}\n")

    assert load_spec(spec).budget == {"trial_hours": 2.0}
    assert load_spec(spec, ["budget.trial_hours=5"]).budget == {"trial_hours": 5.0}
    assert load_spec(write_spec(TINY_SPEC)).budget == {}


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("{}", "'budget': write gpu_hours or trial_hours, for example"),
        ("{gpu_hours: 2}", "never runs out, as trials use no GPU: write trial_hours"),
        ("{trial_hours: 0}", r"'budget.trial_hours'.*above 0 \(got 0\)"),
        ("{gpu_hour: 2}", "unknown setting 'budget.gpu_hour': did you mean 'gpu_hours'"),
    ],
)
def test_budget_that_makes_no_sense_is_refused(
    write_spec: SpecWriter, budget: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_spec(write_spec(TINY_SPEC + f"budget: {budget}\n"))
