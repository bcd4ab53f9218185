"""The contents of a dataset as tables on a terminal."""

import io

from rich.console import Console

from orchestrator.terminal.data_tables import build_data_tables
from vss.data.check.report import DatasetReport, SequenceReport, SplitReport

COUNTS = dict.fromkeys(range(1, 5), 12_345)
SPLIT = SplitReport(
    frames=98_765, labelled=12_345, image_sizes={"2048x1024": 98_765},
    label_sizes={"2048x1024": 12_345, "1024x512": 3}, label_values={0: 10, 255: 1},
    class_shares={"traffic light": 0.25}, class_frames={"traffic light": 12_345},
    predecessors=COUNTS, predecessors_near=COUNTS,
    sequences=(SequenceReport("frankfurt_000001", 30, 0, 29, 1, ((3, 5), (7, 9))),),
)  # fmt: skip


def test_tables_fit_80_columns_without_cutting() -> None:
    splits = dict.fromkeys(("train", "val", "test"), SPLIT)
    report = DatasetReport(stride=1, splits=splits, remarks=(), broken=())
    output = io.StringIO()

    Console(file=output, width=80).print(build_data_tables(report))

    lines = output.getvalue().splitlines()
    assert "…" not in output.getvalue()
    assert any("12345 + 12345   12345 + 12345" in line for line in lines)
    assert max(map(len, lines)) <= 80
