"""The live view of an experiment, read from the ledger and nothing else."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from orchestrator.ledger.ledger import ExperimentStatus, Ledger, State, TrialStatus

if TYPE_CHECKING:
    from orchestrator.networks.cost_estimate import Estimate
    from orchestrator.spec.experiment import Experiment

STYLES = {
    State.PENDING: "dim",
    State.RUNNING: "bold cyan",
    State.FINISHED: "green",
    State.FAILED: "bold red",
    State.CANCELLED: "yellow",
}
_REFRESH_SECONDS = 0.5
# What is on the move is shown first when not all trials fit on the screen.
_URGENCY = [State.RUNNING, State.FAILED, State.CANCELLED, State.FINISHED, State.PENDING]


class LiveView:
    """Shows every trial of an experiment until the block ends; plain lines if not on a terminal."""

    def __init__(
        self, ledger: Ledger, experiment: str, console: Console, notes: Sequence[str] = ()
    ) -> None:
        """Prepare the view.

        Args:
            ledger: what is read, twice a second.
            experiment: whose trials are shown.
            console: where.
            notes: lines below the table, for example the dashboard's address.
        """
        self._ledger = ledger
        self._experiment = experiment
        self._console = console
        self._notes = list(notes)
        self._known: dict[str, State] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        else:
            for note in self._notes:
                self._console.print(note)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._show()
        self._live.stop()

    def note_once(self, text: str) -> None:
        """Add a line, if it is not there yet."""
        if text not in self._notes:
            self.note(text)

    def note(self, text: str) -> None:
        """Add a line."""
        self._notes.append(text)
        if not self._console.is_terminal:
            self._console.print(text)

    def _watch(self) -> None:
        while not self._ended.wait(_REFRESH_SECONDS):
            self._show()

    def _show(self) -> None:
        trials = self._ledger.trials(self._experiment)
        if self._console.is_terminal:
            room = max(5, self._console.size.height - 6 - len(self._notes))
            self._live.update(
                Group(trial_table(trials, room), *map(Text, self._notes)), refresh=True
            )
        else:
            self._print_changes(trials)

    def _print_changes(self, trials: Sequence[TrialStatus]) -> None:
        for trial in trials:
            if self._known.get(trial.trial_id, State.PENDING) != trial.state:
                finished = sum(t.state == State.FINISHED for t in trials)
                self._console.print(
                    f"[{finished}/{len(trials)}] {trial.state:<9} {trial.cell}, seed {trial.seed}"
                    + (f": {trial.message}" if trial.message else ""),
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
            self._known[trial.trial_id] = trial.state


@contextmanager
def frame_bar(count: int | None, doing: str = "segmenting") -> Iterator[Callable[[int], None]]:
    """A bar on stderr, if that is a terminal; gives what is to be told how many frames are done.

    Args:
        count: of all frames, if it is known.
        doing: the word before the bar.
    """
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TextColumn("frames"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=count)
        yield lambda frames: progress.update(task, completed=frames)


def trial_table(trials: Sequence[TrialStatus], room: int | None = None) -> RenderableType:
    """A table of trials: state, step, loss, mIoU on val, time left.

    Args:
        trials: of one experiment.
        room: rows at most; the rest is summed up.
    """
    table = Table(title=_summary(trials), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("cell", "seed", "state", "step", "loss", "val\nmIoU", "time\nleft", "tries"):
        right = name not in ("cell", "state")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "cell")
    shown = _most_urgent(trials, room)
    for trial in shown:
        table.add_row(*_row(trial), style=STYLES[trial.state])
    if len(shown) < len(trials):
        table.caption = f"and {len(trials) - len(shown)} more"
    failed = [
        Text(f"{t.cell}, seed {t.seed}: {t.message}", style="red") for t in shown if t.message
    ]
    return Group(table, *failed)


def experiment_table(experiments: Sequence[ExperimentStatus]) -> RenderableType:
    """A table of experiments: how many trials are in each state."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("experiment")
    for state in State:
        table.add_column(state.lower(), justify="right", style=STYLES[state])
    for experiment in experiments:
        counts = (str(experiment.counts.get(state, 0)) for state in State)
        table.add_row(experiment.name, *counts)
    return table if experiments else Text("no experiment yet: vss-orch submit SPEC enters one")


def _row(trial: TrialStatus) -> list[str]:
    steps = trial.settings["steps"]
    step = steps if trial.state == State.FINISHED else trial.step
    left = seconds_left(trial)
    return [
        trial.cell,
        str(trial.seed),
        trial.state,
        f"{step}/{steps}",
        "" if trial.loss is None else f"{trial.loss:.3f}",
        "" if trial.miou is None else f"{trial.miou:.3f}",
        "" if left is None else _clock(left),
        str(trial.attempts),
    ]


def seconds_left(trial: TrialStatus) -> float | None:
    """Until the last step, at the pace of this attempt; None if it cannot be said yet."""
    done = trial.step - trial.first_step
    if trial.state != State.RUNNING or done <= 0 or not trial.started_at or not trial.heartbeat_at:
        return None
    pace = (trial.heartbeat_at - trial.started_at).total_seconds() / done
    since = (datetime.now(UTC) - trial.heartbeat_at).total_seconds()
    remaining: float = pace * (trial.settings["steps"] - trial.step) - since
    return max(0.0, remaining)


def _summary(trials: Sequence[TrialStatus]) -> str:
    counts = Counter(trial.state for trial in trials)
    parts = [f"{counts[state]} {state.lower()}" for state in State if counts[state]]
    return f"{len(trials)} trials: {', '.join(parts)}"


def _most_urgent(trials: Sequence[TrialStatus], room: int | None) -> Sequence[TrialStatus]:
    if room is None or len(trials) <= room:
        return trials
    urgent = sorted(trials, key=lambda t: _URGENCY.index(t.state))[:room]
    chosen = {trial.trial_id for trial in urgent}
    return [trial for trial in trials if trial.trial_id in chosen]


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def cost_table(experiment: "Experiment", costs: "Mapping[str, Estimate]") -> RenderableType:
    """What the cells of a spec cost; the last row sums up the time of all trials."""
    table = Table(title="cost", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell", overflow="fold", min_width=12)
    for name in ("params\nM", "GFLOPs a\nprediction", "training\nGiB", "training\ntime", "trials"):
        table.add_column(name, justify="right", no_wrap=True)
    trials = Counter(trial.cell for trial in experiment.trials)
    for cell, cost in costs.items():
        table.add_row(
            cell,
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.gflops:,.1f}",
            f"{cost.training_memory_mib / 1024:.2f}",
            _time(cost.train_seconds),
            str(trials[cell]),
        )
    known = [c.train_seconds * trials[cell] for cell, c in costs.items() if c.train_seconds]
    caption = "GiB: tensors of one training; a CPU process adds 0.5. "
    if len(known) == len(costs):
        caption += f"All trainings: {_time(sum(known))} one after the other."
    else:
        caption += "Training time is unknown (?) where nothing like it has run on this device yet."
    table.caption, table.caption_justify = caption, "left"
    return table


def _time(seconds: float | None) -> str:
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))
