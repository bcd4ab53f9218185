"""A plan on a terminal."""

from orchestrator.spec.file import load_spec
from orchestrator.terminal.plans.cell_table import build_plan_table
from tests.conftest import TINY_SPEC, SpecWriter


def test_many_settings_share_a_column(write_spec: SpecWriter) -> None:
    wide = "width: 16, dropout: 0.2, flip: false, head_channels: 32, batch_size: 4,"
    spec = TINY_SPEC.replace("{head: tma,", f"{{head: tma, {wide}")

    table = build_plan_table(load_spec(write_spec(spec)), {})

    assert [column.header for column in table.columns] == ["cell", "differs in", "seeds"]


def test_thousands_of_cells_are_cut_short(write_spec: SpecWriter) -> None:
    cells = "".join(f"  cell {n}: {{head: fcn, steps: {n}}}\n" for n in range(5, 605))
    experiment = load_spec(write_spec(TINY_SPEC.replace("cells:\n", f"cells:\n{cells}")))

    table = build_plan_table(experiment, {})

    assert table.row_count == 500
    assert (
        table.caption == f"and {len(experiment.cells) - 500} more cells, which `plan --json` lists"
    )
