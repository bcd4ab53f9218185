"""A plan on a terminal."""

import io

import pytest
from rich.console import Console

from orchestrator.spec.file import load_spec
from orchestrator.terminal.plans.cell_table import build_plan_table
from tests.conftest import TINY_SPEC, SpecWriter


def test_many_settings_share_a_column(write_spec: SpecWriter) -> None:
    wide = "width: 16, dropout: 0.2, flip: false, head_channels: 32, batch_size: 4,"
    spec = TINY_SPEC.replace("{head: tma,", f"{{head: tma, {wide}")

    table = build_plan_table(load_spec(write_spec(spec)), {})

    assert [column.header for column in table.columns] == ["cell", "differs in", "seeds"]


def test_settings_stay_whole_on_80_characters(write_spec: SpecWriter) -> None:
    memory = "memory_length: 4, share_slots: true, position_code: 2"
    long_name = "TMANet over a memory of four frames with places"
    spec = TINY_SPEC.replace("cells:\n", f"cells:\n  {long_name}: {{head: tma, {memory}}}\n")
    console = Console(width=80, file=(text := io.StringIO()))

    console.print(build_plan_table(load_spec(write_spec(spec)), {"image": 40.0}))

    lines = text.getvalue().splitlines()
    words = {word for line in lines for word in line.split()}
    assert {"memory_", "length", "share_", "slots", "true", "position_", "code"} <= words
    assert set(long_name.split()) <= words


@pytest.mark.slow
def test_thousands_of_cells_are_cut_short(write_spec: SpecWriter) -> None:
    cells = "".join(f"  cell {n}: {{head: fcn, steps: {n}}}\n" for n in range(5, 605))
    experiment = load_spec(write_spec(TINY_SPEC.replace("cells:\n", f"cells:\n{cells}")))

    table = build_plan_table(experiment, {})

    assert table.row_count == 500
    assert (
        table.caption == f"and {len(experiment.cells) - 500} more cells, which `plan --json` lists"
    )
