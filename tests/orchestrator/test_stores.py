"""The opening of the two stores."""

import threading
import time
from typing import Any

import pytest

from orchestrator.settings import Settings
from orchestrator.stores import open_tracker
from orchestrator.tracking import tracker


def test_two_submits_of_a_new_home_make_the_tables_one_after_the_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow has no lock of its own: "duplicate column name"."""
    spans = []

    def open_slowly(*_: Any) -> None:
        began = time.monotonic()
        time.sleep(0.2)
        spans.append((began, time.monotonic()))

    monkeypatch.setattr(tracker, "Tracker", open_slowly)
    threads = [threading.Thread(target=open_tracker, args=[settings]) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (_, first_end), (second_start, _) = sorted(spans)
    assert first_end <= second_start
