"""The program of a detached submit: `python -m orchestrator.execution.handover.job [FILE]`.

It runs as a Ray job, reads what was handed over from FILE, or from the file that was shipped with
the code, and is a submit from then on.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.handover.order import SHIPPED_FILE, Order
from orchestrator.execution.handover.run import run_submit
from orchestrator.secrecy.streams import redact_output
from orchestrator.settings import load_settings
from orchestrator.stores import Stores
from orchestrator.terminal.plain.console import PlainConsole
from vss.errors import UserError

_WIDTH = 120  # of the log, which is no terminal


def run_job(file: Path) -> int:
    """Run the submit that a file describes, and return its exit code."""
    redact_output()
    order = Order.read(file)
    with suppress(OSError):  # shipped code may be read-only
        file.unlink()  # one of this machine may contain passwords
    order.set_environment()
    settings = load_settings()
    data = {name: Path(path) for name, path in order.data.items()}
    target = RunTarget(
        settings, data, os.environ["RAY_ADDRESS"], job=order.job, is_insecure=order.is_insecure
    )
    try:
        return run_submit(
            order.build_experiment(),
            target,
            Stores(settings),
            order.pictures,
            order.words,
            PlainConsole(width=_WIDTH),
        )
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    shipped_file = Path(__file__).parents[3] / SHIPPED_FILE
    sys.exit(run_job(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped_file))
