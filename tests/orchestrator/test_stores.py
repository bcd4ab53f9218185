"""The opening of the two stores."""

import os
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from orchestrator.settings import Settings
from orchestrator.stores import Stores, open_tracker
from orchestrator.tracking import tracker
from vss.errors import UserError


@pytest.mark.slow
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


def test_tracking_store_that_was_out_of_reach_is_opened_by_a_later_call(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a wait for it would never end."""
    stores = Stores(settings)

    def fail(*_: Any) -> None:
        raise UserError("out of reach")

    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.stores.open_tracker", fail)
        with pytest.raises(UserError, match="out of reach"):
            stores.tracker  # noqa: B018
    monkeypatch.setattr("orchestrator.stores.open_tracker", lambda settings: "open")

    assert stores.tracker == "open"


_HANGING_IMPORT = """
import threading
from orchestrator import stores
from orchestrator.settings import load_settings

stores.import_module = lambda name: threading.Event().wait()
stores.Stores(load_settings()).prepare_tracker()
"""


def test_process_does_not_wait_for_an_import_that_hangs(settings: Settings) -> None:
    """As one does in a thread if Ctrl-C has interrupted another import."""
    environment = {**os.environ, "VSS_HOME": str(settings.home)}

    ended = subprocess.run(
        [sys.executable, "-c", _HANGING_IMPORT], env=environment, timeout=120, check=False
    )

    assert ended.returncode == 0
