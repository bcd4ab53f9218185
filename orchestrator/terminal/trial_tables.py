"""The trials of an experiment as a table on a terminal, read from the ledger."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.time_left import experiment_seconds_left, format_seconds, seconds_left

STATE_STYLES = {
    State.PENDING: "dim",
    State.RUNNING: "bold cyan",
    State.FINISHED: "green",
    State.FAILED: "bold red",
    State.CANCELLED: "yellow",
}
# States in the order in which their trials get a row if not all fit on the screen.
_URGENCY = [State.RUNNING, State.FAILED, State.CANCELLED, State.FINISHED, State.PENDING]
_LEFT_ALIGNED = ("trial", "cell", "state")
_ALWAYS_SHOWN = ("trial", "cell", "seed", "state", "step")

Columns = dict[str, Callable[[TrialStatus], str]]


def build_trial_table(
    trials: Sequence[TrialStatus],
    room: int | None = None,
    show_ids: bool = False,
    budget: BudgetStatus | None = None,
) -> RenderableType:
    """Return a table of trials: state, step, loss, mIoU, time left, attempts if several.

    Columns without any value are left out.

    Args:
        trials: the trials of one experiment.
        room: the number of rows that fit; the most urgent trials get them. None for all trials.
        show_ids: whether rows begin with the trial's id.
        budget: the budget of the experiment, on which the time left depends.
    """
    rows = _most_urgent(trials, room)
    table = Table(
        title=_title(trials, budget), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    table.collapse_padding = True  # nine columns fit into 80 characters
    columns = _columns(trials, show_ids)
    texts = {name: [write(trial) for trial in rows] for name, write in columns.items()}
    shown = [name for name in texts if name in _ALWAYS_SHOWN or any(texts[name])]
    for name in shown:
        justify: Literal["left", "right"] = "left" if name in _LEFT_ALIGNED else "right"
        # On a narrow screen, cells wrap; without a width of its own their column would vanish.
        min_width = 12 if name == "cell" else None
        table.add_column(name, justify=justify, no_wrap=name != "cell", min_width=min_width)
    for number, trial in enumerate(rows):
        table.add_row(*(texts[name][number] for name in shown), style=STATE_STYLES[trial.state])
    if len(rows) < len(trials):
        table.caption = f"and {len(trials) - len(rows)} more"
    messages = [Text(f"{t.name}: {t.message}", style="red") for t in rows if t.message]
    waits = [Text(line, style="yellow") for line in describe_waits(trials)]
    return Group(table, *messages, *waits)


def describe_waits(trials: Sequence[TrialStatus]) -> list[str]:
    """Return a line for each service that trials wait for, with the start of the first wait."""
    first: dict[str, Pause] = {}
    for pause in sorted((t.waiting_for for t in trials if t.waiting_for), key=lambda p: p.since):
        first.setdefault(pause.service, pause)
    return [str(pause) for pause in first.values()]


def count_by_state(trials: Sequence[TrialStatus]) -> str:
    """Return the number of trials in each state as text: "1 running, 3 pending"."""
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{counts[state]} {state.lower()}" for state in State if counts[state])


def _title(trials: Sequence[TrialStatus], budget: BudgetStatus | None) -> str:
    title = f"{count_of(len(trials), 'trial')}: {count_by_state(trials)}"
    remaining = experiment_seconds_left(trials, budget)
    return title if remaining is None else f"{title}; about {format_seconds(remaining)} left"


def _columns(trials: Sequence[TrialStatus], show_ids: bool) -> Columns:
    """Return the heading of each column, and the function that writes its text for a trial."""
    columns: Columns = {"trial": lambda trial: trial.trial_id} if show_ids else {}
    splits = {trial.settings.get("scored_split", "test") for trial in trials}
    split = splits.pop() if len(splits) == 1 else "scored"
    return columns | {
        "cell": lambda trial: trial.cell,
        "seed": lambda trial: str(trial.seed) if trial.sample is None else "",
        "sample": lambda trial: "" if trial.sample is None else str(trial.sample),
        "state": lambda trial: trial.state,
        "step": _write_step,
        "loss": lambda trial: _write_number(trial.loss if trial.state == State.RUNNING else None),
        "val\nmIoU": lambda trial: _write_number(trial.miou),
        f"final\n{split}\nmIoU" if split == "val" else f"{split}\nmIoU": lambda trial: (
            _write_number(trial.score)
        ),
        "time\nleft": lambda trial: format_seconds(seconds_left(trial)),
        "attempts": lambda trial: str(trial.attempts) if trial.attempts > 1 else "",
    }


def _write_step(trial: TrialStatus) -> str:
    steps = trial.last_step
    return f"{steps if trial.state == State.FINISHED else trial.step}/{steps}"


def _write_number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _most_urgent(trials: Sequence[TrialStatus], room: int | None) -> Sequence[TrialStatus]:
    if room is None or len(trials) <= room:
        return trials
    urgent_trials = sorted(trials, key=lambda t: _URGENCY.index(t.state))[:room]
    trial_ids = {trial.trial_id for trial in urgent_trials}
    return [trial for trial in trials if trial.trial_id in trial_ids]
