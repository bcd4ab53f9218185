"""Trials and experiments as tables on a terminal, read from the ledger."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.terminal.counts import count_of

_STYLES = {
    State.PENDING: "dim",
    State.RUNNING: "bold cyan",
    State.FINISHED: "green",
    State.FAILED: "bold red",
    State.CANCELLED: "yellow",
}
# States in the order in which their trials get a row if not all fit on the screen.
_URGENCY = [State.RUNNING, State.FAILED, State.CANCELLED, State.FINISHED, State.PENDING]


def build_trial_table(trials: Sequence[TrialStatus], room: int | None = None) -> RenderableType:
    """Return a table of trials: state, step, loss, mIoU on val, time left.

    Args:
        trials: the trials of one experiment.
        room: the number of rows that fit; the most urgent trials get them. None for all trials.
    """
    title = f"{count_of(len(trials), 'trial')}: {count_by_state(trials)}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("cell", "seed", "state", "step", "loss", "val\nmIoU", "time\nleft", "attempts"):
        justify: Literal["left", "right"] = "left" if name in ("cell", "state") else "right"
        table.add_column(name, justify=justify, no_wrap=name != "cell")
    rows = _most_urgent(trials, room)
    for trial in rows:
        table.add_row(*_row(trial), style=_STYLES[trial.state])
    if len(rows) < len(trials):
        table.caption = f"and {len(trials) - len(rows)} more"
    messages = [
        Text(f"{t.cell}, seed {t.seed}: {t.message}", style="red") for t in rows if t.message
    ]
    return Group(table, *messages)


def build_experiment_table(experiments: Sequence[ExperimentStatus]) -> RenderableType:
    """Return a table of experiments with their number of trials in each state."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("experiment")
    for state in State:
        table.add_column(state.lower(), justify="right", style=_STYLES[state])
    for experiment in experiments:
        counts = (str(experiment.counts.get(state, 0)) for state in State)
        table.add_row(experiment.name, *counts)
    return table if experiments else Text("no experiments yet: start one with vss-orch submit SPEC")


def seconds_left(trial: TrialStatus) -> float | None:
    """Return the time to the last step at the pace of this attempt; None before its first step."""
    steps = trial.step - trial.first_step
    if trial.state != State.RUNNING or steps <= 0 or not trial.started_at or not trial.heartbeat_at:
        return None
    step_seconds = (trial.heartbeat_at - trial.started_at).total_seconds() / steps
    since_heartbeat = (datetime.now(UTC) - trial.heartbeat_at).total_seconds()
    remaining: float = step_seconds * (trial.settings["steps"] - trial.step) - since_heartbeat
    return max(0.0, remaining)


def count_by_state(trials: Sequence[TrialStatus]) -> str:
    """Return the number of trials in each state as text: "1 running, 3 pending"."""
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{counts[state]} {state.lower()}" for state in State if counts[state])


def _row(trial: TrialStatus) -> list[str]:
    steps = trial.settings["steps"]
    step = steps if trial.state == State.FINISHED else trial.step
    remaining_seconds = seconds_left(trial)
    return [
        trial.cell,
        str(trial.seed),
        trial.state,
        f"{step}/{steps}",
        "" if trial.loss is None else f"{trial.loss:.3f}",
        "" if trial.miou is None else f"{trial.miou:.3f}",
        "" if remaining_seconds is None else _clock(remaining_seconds),
        str(trial.attempts),
    ]


def _most_urgent(trials: Sequence[TrialStatus], room: int | None) -> Sequence[TrialStatus]:
    if room is None or len(trials) <= room:
        return trials
    urgent_trials = sorted(trials, key=lambda t: _URGENCY.index(t.state))[:room]
    trial_ids = {trial.trial_id for trial in urgent_trials}
    return [trial for trial in trials if trial.trial_id in trial_ids]


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
