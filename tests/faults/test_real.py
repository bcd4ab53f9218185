"""The campaign of real faults; its rounds are run by `make faults`."""

from pathlib import Path

from tests.faults.real import FAULTS, choose_fault
from tests.faults.results import read_rows


def test_every_fault_has_its_turn_in_an_order_that_the_seed_decides() -> None:
    order = [choose_fault(seed=1, number=number) for number in range(len(FAULTS))]

    assert sorted(order) == sorted(FAULTS)
    assert order == [choose_fault(seed=1, number=number) for number in range(len(FAULTS))]
    assert order != [choose_fault(seed=2, number=number) for number in range(len(FAULTS))]


def test_one_node_has_no_turn_of_faults_that_need_two() -> None:
    order = [choose_fault(seed=1, number=number, on_two_nodes=False) for number in range(40)]

    assert not [name for name in order if FAULTS[name].needs_nodes]
    assert set(order) == {name for name, fault in FAULTS.items() if not fault.needs_nodes}


def test_rerun_goes_on_after_the_rows_of_earlier_rounds(tmp_path: Path) -> None:
    results = tmp_path / "faults.jsonl"
    rows_before = read_rows(results)
    results.write_text('{"round": 0}\n{"round": 1}\n')

    assert rows_before == []
    assert [row["round"] for row in read_rows(results)] == [0, 1]
