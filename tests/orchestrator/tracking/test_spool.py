"""The spool: a queue on a local disk, or in memory."""

from pathlib import Path

from orchestrator.tracking.spool import Spool


def drain(spool: Spool) -> list[int]:
    items = []
    while spool:
        items.append(spool.first())
        spool.drop_first()
    return items


def test_items_come_out_in_order() -> None:
    spool = Spool()
    for item in range(3):
        spool.append(item)

    assert drain(spool) == [0, 1, 2]
    assert not spool


def test_items_wait_in_memory_while_the_disk_has_no_room(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.append(0)
    room, spool._write = spool._write, lambda line: False  # type: ignore[method-assign]
    spool.append(1)
    spool._write = room  # type: ignore[method-assign]
    spool.append(2)  # stays behind the one in memory

    assert drain(spool) == [0, 1, 2]


def test_folder_that_cannot_be_written_leaves_the_memory(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "missing"))
    for item in range(1000):
        spool.append(item)

    assert spool.is_full
    assert drain(spool) == list(range(1000))
    assert not spool.is_full


def test_nothing_stays_behind(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.append("points")

    assert list(tmp_path.iterdir()) == []
