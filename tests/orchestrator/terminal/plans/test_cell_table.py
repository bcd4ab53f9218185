"""A plan on a terminal."""

import pytest

from orchestrator.spec.file import load_spec
from orchestrator.terminal.plans.cell_table import (
    build_plan_table,
    describe_time,
    format_duration,
)
from tests.conftest import TINY_SPEC, SpecWriter


def test_many_settings_share_a_column(write_spec: SpecWriter) -> None:
    wide = "width: 16, dropout: 0.2, flip: false, head_channels: 32, batch_size: 4,"
    spec = TINY_SPEC.replace("{head: tma,", f"{{head: tma, {wide}")

    table = build_plan_table(load_spec(write_spec(spec)), {})

    assert [column.header for column in table.columns] == ["cell", "differs in", "seeds"]


def test_time_is_that_of_all_trials(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC))

    line = describe_time(experiment, {"image": 60.0, "memory": 120.0}, slots=2)

    assert line == "time: about 6 min one after the other, 3 min with 2 at a time on this machine"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (45, "45 s"), (100, "2 min"), (12_000, "3 h 20 min"), (500_000, "138 h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
