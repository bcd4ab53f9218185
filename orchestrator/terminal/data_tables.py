"""What a dataset holds, as tables on a terminal."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vss.data.check.report import LONGEST_MEMORY, DatasetReport, SequenceReport

_SHOWN = 20  # lines of what is broken; 4 irregular spacings
_SHOWN_GAPS = 4


def data_tables(report: DatasetReport) -> RenderableType:
    """Splits, classes, sequences, then remarks and what is broken."""
    return Group(
        _splits(report),
        _classes(report),
        _sequences(report),
        *(Text(f"remark: {remark}") for remark in report.remarks),
        *(Text(f"broken: {line}", style="red") for line in report.broken[:_SHOWN]),
        Text(_verdict(len(report.broken)), style="red" if report.broken else "green"),
    )


def _verdict(broken: int) -> str:
    if not broken:
        return "nothing is broken"
    more = f", {broken - _SHOWN} more than are shown" if broken > _SHOWN else ""
    return f"{broken} broken{more}"


def _splits(report: DatasetReport) -> Table:
    memory = [f"k={k}" for k in range(1, LONGEST_MEMORY + 1)]
    names = ["split", "frames", "labelled", "images", "labels", "unlabelled %", *memory]
    table = _table(
        names, f"k predecessors {report.stride} video frames apart (+ those one number off)"
    )
    for name, split in report.splits.items():
        table.add_row(
            name,
            str(split.frames),
            str(split.labelled),
            _sizes(split.image_sizes),
            _sizes(split.label_sizes),
            f"{100 * split.unlabelled_share:.1f}",
            *(
                f"{split.predecessors[k]} + {split.predecessors_near[k]}"
                for k in range(1, LONGEST_MEMORY + 1)
            ),
        )
    return table


def _sizes(sizes: Mapping[str, int]) -> str:
    if len(sizes) == 1:
        return next(iter(sizes))
    return ", ".join(f"{size} ({count})" for size, count in sizes.items())


def _classes(report: DatasetReport) -> Table:
    table = _table(["class", *report.splits], "% of labelled pixels (frames with the class)")
    for name in next((split.class_shares for split in report.splits.values()), {}):
        cells = (
            f"{100 * split.class_shares[name]:.2f} ({split.class_frames[name]})"
            for split in report.splits.values()
        )
        table.add_row(name, *cells)
    return table


def _sequences(report: DatasetReport) -> Table:
    names = ["sequence", "split", "frames", "first", "last", "spacing", "irregular"]
    table = _table(names, "numbers are video frames", left=("sequence", "split", "irregular"))
    rows = [(name, one) for name, split in report.splits.items() for one in split.sequences]
    for split, one in rows[:_SHOWN]:
        numbers = (one.frames, one.first, one.last, one.spacing)
        table.add_row(one.name, split, *map(str, numbers), _gaps(one))
    if len(rows) > _SHOWN:
        table.add_row(f"and {len(rows) - _SHOWN} more")
    return table


def _gaps(sequence: SequenceReport) -> str:
    shown = ", ".join(f"{first} to {last}" for first, last in sequence.irregular[:_SHOWN_GAPS])
    more = len(sequence.irregular) - _SHOWN_GAPS
    return f"{shown} and {more} more" if more > 0 else shown


def _table(names: list[str], caption: str, left: tuple[str, ...] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    for name in names:
        table.add_column(name, justify="left" if name in (names[0], *left) else "right")
    return table
