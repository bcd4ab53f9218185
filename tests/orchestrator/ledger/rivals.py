"""Drivers in processes of their own that want the same thing at the same moment.

Imports no tests and no torch: every process that is spawned imports this module.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

from orchestrator.ledger.driver import Driver
from orchestrator.ledger.ledger import Ledger

_LONGEST_SECONDS = 120  # only against hanging


def claim_ids(driver: Driver, trial_ids: Sequence[str]) -> list[str]:
    """Claim trials, and return the ids of those that this driver got."""
    return [claim.trial_id for claim in driver.claim(trial_ids)]


def compete(
    count: int, act: Callable[[Driver, Any], Any], url: str, argument: Any = None
) -> list[Any]:
    """Let several processes act at once, each as a driver that lives until all have acted.

    Args:
        count: the number of processes.
        act: what each of them does, a function that can be pickled.
        url: the address of the ledger.
        argument: the second argument of `act`.

    Returns:
        what each of them returned.
    """
    context = multiprocessing.get_context("spawn")
    start, end, answers = context.Barrier(count), context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=_run, args=(act, url, argument, start, end, answers), daemon=True)
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    results = [answers.get(timeout=_LONGEST_SECONDS) for _ in processes]
    for process in processes:
        process.join(_LONGEST_SECONDS)
    return results


def _run(
    act: Callable[[Driver, Any], Any], url: str, argument: Any, start: Any, end: Any, answers: Any
) -> None:
    with Ledger(url).driver() as driver:
        start.wait(_LONGEST_SECONDS)
        answers.put(act(driver, argument))
        end.wait(_LONGEST_SECONDS)
