"""The campaign of real faults; its rounds are run by `make faults`."""

from pathlib import Path

from tests.faults.injection import FAULTS
from tests.faults.real import choose_fault, read_rows


def test_every_fault_has_its_turn_in_an_order_that_the_seed_decides() -> None:
    order = [choose_fault(seed=1, number=number) for number in range(len(FAULTS))]

    assert sorted(order) == sorted(FAULTS)
    assert order == [choose_fault(seed=1, number=number) for number in range(len(FAULTS))]
    assert order != [choose_fault(seed=2, number=number) for number in range(len(FAULTS))]


def test_rerun_goes_on_after_the_rows_of_earlier_rounds(tmp_path: Path) -> None:
    results = tmp_path / "faults.jsonl"
    rows_before = read_rows(results)
    results.write_text('{"round": 0}\n{"round": 1}\n')

    assert rows_before == []
    assert [row["round"] for row in read_rows(results)] == [0, 1]
