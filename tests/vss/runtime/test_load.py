"""The load by other processes."""

from pathlib import Path

import pytest

from vss.runtime import load
from vss.runtime.load import OtherLoad


def test_load_of_others_is_what_is_busy_beyond_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 10 s, all processes take 30 s of processor time, this one takes 8 s of them."""
    stat, moments, own = tmp_path / "stat", iter([100.0, 110.0]), iter([1.0, 9.0])
    monkeypatch.setattr(load, "_STAT", stat)
    monkeypatch.setattr(load.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(load.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(load.time, "process_time", lambda: next(own))

    stat.write_text("cpu  1000 0 500 9000 100 0 0 0 7 7\ncpu0 1 2 3\n")
    other_load = OtherLoad()
    stat.write_text("cpu  3500 0 1000 9900 200 0 0 0 7 7\ncpu0 1 2 3\n")

    assert other_load.measure() == pytest.approx(2.2)


def test_load_is_unknown_without_the_files_of_linux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_STAT", tmp_path / "none")

    assert OtherLoad().measure() is None


def test_load_of_this_machine_is_not_negative() -> None:
    other_load = OtherLoad()
    sum(range(100_000))

    measured = other_load.measure()

    assert measured is None or measured >= 0
