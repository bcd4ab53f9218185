"""The contents of a dataset as tables on a terminal."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.terminal.counts import count_of
from vss.data.check.report import LONGEST_MEMORY, DatasetReport, SequenceReport

_MAX_LINES = 20  # for broken files, and for sequences
_MAX_GAPS = 4  # irregular spacings shown per sequence


def build_data_tables(report: DatasetReport) -> RenderableType:
    """Return tables of splits, classes and sequences, then remarks and broken files."""
    return Group(
        _splits(report),
        _memory(report),
        _classes(report),
        _sequences(report),
        *(Text(f"remark: {remark}") for remark in report.remarks),
        *(Text(f"broken: {line}", style="red") for line in report.broken[:_MAX_LINES]),
        Text(_verdict(len(report.broken)), style="red" if report.broken else "green"),
    )


def _verdict(broken_files: int) -> str:
    if not broken_files:
        return "no broken files"
    hidden_files = broken_files - _MAX_LINES
    suffix = f", {hidden_files} of them not listed" if hidden_files > 0 else ""
    return f"{count_of(broken_files, 'broken file')}{suffix}"


def _splits(report: DatasetReport) -> Table:
    table = _table(["split", "frames", "labelled", "images", "labels", "unlabelled %"])
    for name, split in report.splits.items():
        table.add_row(
            name,
            str(split.frames),
            str(split.labelled),
            _sizes(split.image_sizes),
            _sizes(split.label_sizes),
            f"{100 * split.unlabelled_share:.1f}",
        )
    return table


def _memory(report: DatasetReport) -> Table:
    lengths = range(1, LONGEST_MEMORY + 1)
    spacing = count_of(report.stride, "video frame")
    table = _table(
        ["split", *(f"k={k}" for k in lengths)],
        f"k=2: frames with 2 predecessors, {spacing} apart (+ frames with one that is off by 1)",
    )
    for name, split in report.splits.items():
        counts = (f"{split.predecessors[k]} + {split.predecessors_near[k]}" for k in lengths)
        table.add_row(name, *counts)
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
    table = _table(
        names,
        "first, last, spacing and irregular are numbers of video frames",
        left=("sequence", "split", "irregular"),
    )
    rows = [(name, seq) for name, split in report.splits.items() for seq in split.sequences]
    for split, sequence in rows[:_MAX_LINES]:
        numbers = (sequence.frames, sequence.first, sequence.last, sequence.spacing)
        table.add_row(sequence.name, split, *map(str, numbers), _gaps(sequence))
    if len(rows) > _MAX_LINES:
        table.add_row(f"and {len(rows) - _MAX_LINES} more")
    return table


def _gaps(sequence: SequenceReport) -> str:
    gaps = ", ".join(f"{first} to {last}" for first, last in sequence.irregular[:_MAX_GAPS])
    hidden_gaps = len(sequence.irregular) - _MAX_GAPS
    return f"{gaps} and {hidden_gaps} more" if hidden_gaps > 0 else gaps


def _table(names: list[str], caption: str | None = None, left: tuple[str, ...] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    for name in names:
        justify: JustifyMethod = "left" if name in (names[0], *left) else "right"
        table.add_column(name, justify=justify, overflow="fold")  # never cut
    return table
