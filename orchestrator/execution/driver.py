"""The driver: takes a checked experiment through all its trials.

Rounds: claim what is not finished, run it, look again. A trial whose worker was lost is claimed
again as a new attempt; one that another submit is running is waited for.
"""

import dataclasses
import json
import shutil
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console

from orchestrator.execution.job import Executor, Job, Outcome
from orchestrator.ledger.ledger import Claim, Driver, Ledger, Member, State, TrialStatus
from orchestrator.settings import Settings, command, data_path, make_folder
from orchestrator.spec.file import Experiment, PlannedTrial
from orchestrator.terminal.live_view import LiveView
from vss.data.dataset import load_dataset
from vss.trial_config import TrialConfig, parse_settings

if TYPE_CHECKING:
    from orchestrator.tracking.tracker import Tracker

_FLUSH_SECONDS = 0.5
_TOUCH_SECONDS = 10.0
_WAIT_SECONDS = 2.0
_SMOKE_STEPS = 2
_SMOKE_FRAMES = 4


@dataclass(frozen=True)
class Where:
    """Where and on what an experiment runs.

    Attributes:
        settings: addresses and folders.
        data: dataset -> folder, as given on the command line.
        address: of a Ray cluster, or None to start one here.
        in_process: no Ray; one trial after the other in this process.
    """

    settings: Settings
    data: Mapping[str, Path]
    address: str | None = None
    in_process: bool = False


@dataclass(frozen=True)
class Submitted:
    """What became of a submit.

    Attributes:
        trials: of the experiment, in its order.
        interrupted: the user stopped it.
    """

    trials: Sequence[TrialStatus]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """Of a command: 0 all finished, 1 a trial failed, 130 interrupted."""
        if self.interrupted:
            return 130
        return int(any(trial.state != State.FINISHED for trial in self.trials))


def submit(experiment: Experiment, where: Where, console: Console) -> Submitted:
    """Run all trials of an experiment that are not finished, then measure latency.

    Raises:
        UserError: before anything is entered or started.
    """
    jobs = _Jobs(experiment, where)
    ledger = Ledger(where.settings.ledger_url)
    with ThreadPoolExecutor(1) as pool:
        # MLflow takes seconds to import and to make its tables, Ray takes seconds to start.
        opening = pool.submit(_open_tracker, where.settings)
        with _executor(where) as executor:
            executor.check_fits(experiment.resources.cpus, experiment.resources.gpus)
            jobs.trials_on_device = executor.trials_on_device(
                experiment.resources.cpus, experiment.resources.gpus
            )
            tracker = opening.result()
            parent = _enter(experiment, jobs, ledger, tracker)
            interrupted = _run_trials(experiment, jobs, ledger, executor, console)
            if not interrupted:
                _measure_latency(experiment, ledger, tracker, parent, executor, console)
    trials = ledger.trials(experiment.name)
    tracker.close_experiment_run(parent, all(t.state == State.FINISHED for t in trials))
    return Submitted(trials, interrupted)


def smoke(experiment: Experiment, where: Where, console: Console) -> Mapping[str, Outcome]:
    """Run two steps of every cell and throw them away: does all of it build, fit and run?

    Returns:
        cell -> how it ended.
    """
    jobs = _Jobs(experiment, where)
    folder = make_folder(where.settings.storage / f".smoke-{uuid.uuid4().hex[:8]}")
    of_cell = {name: jobs.smoke(name, folder) for name in experiment.cells}
    distinct = {job.trial_id: job for job in of_cell.values()}
    found = _Collected()
    try:
        with (
            _stop_on_signal(jobs.stop_file, console.print) as should_stop,
            _executor(where) as executor,
        ):
            executor.check_fits(experiment.resources.cpus, experiment.resources.gpus)
            executor.run(list(distinct.values()), found, should_stop, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    cancelled = Outcome(State.CANCELLED)
    return {cell: found.outcomes.get(job.trial_id, cancelled) for cell, job in of_cell.items()}


def _open_tracker(settings: Settings) -> "Tracker":
    from orchestrator.tracking.tracker import Tracker

    return Tracker(settings.tracking_uri, settings.artifacts)


@contextmanager
def _executor(where: Where) -> Iterator[Executor]:
    if where.in_process:
        from orchestrator.execution.worker import InProcess

        yield InProcess()
        return
    from orchestrator.execution.ray_cluster import connect, disconnect

    try:
        yield connect(where.address)
    finally:
        disconnect()


def _enter(experiment: Experiment, jobs: "_Jobs", ledger: Ledger, tracker: "Tracker") -> str:
    """Enter an experiment into ledger and MLflow; returns its parent run."""
    name = experiment.name
    before = {trial.trial_id: trial.cell for trial in ledger.trials(name)}
    runs_before = {t.trial_id: t.run_id for t in ledger.trials(name) if t.run_id}
    ledger.add(
        name,
        [Member(t.cell, t.config, jobs.fingerprint(t)) for t in experiment.trials],
        experiment.description,
        experiment.source,
        experiment.baseline,
    )
    now = ledger.trials(name)
    # Runs that were there before learn that they belong to this experiment now, or no longer.
    for trial in now:
        if trial.run_id and before.get(trial.trial_id) != trial.cell:
            tracker.tag(trial.run_id, f"experiment/{name}", trial.cell)
    for trial_id in runs_before.keys() - {trial.trial_id for trial in now}:
        tracker.untag(runs_before[trial_id], f"experiment/{name}")
    parent = tracker.open_experiment_run(ledger.experiment(name))
    ledger.set_experiment_run(name, parent)
    return parent


def _run_trials(
    experiment: Experiment, jobs: "_Jobs", ledger: Ledger, executor: Executor, console: Console
) -> bool:
    """Run rounds until nothing is left to do; True if the user stopped them."""
    url = executor.dashboard_url
    notes = [f"Ray dashboard: {url} (its token: {command('ray')} get-auth-token)"] if url else []
    outcomes = _Outcomes(experiment.resources.retries)
    with (
        ledger.driver() as driver,
        LiveView(ledger, experiment.name, console, notes) as view,
        _stop_on_signal(jobs.stop_file, view.note) as should_stop,
    ):
        while not should_stop():
            todo = [
                trial
                for trial in ledger.trials(experiment.name)
                if trial.state != State.FINISHED and trial.trial_id not in outcomes.given_up
            ]
            if not todo:
                break
            ready = _with_a_teacher(todo, ledger.trials(experiment.name), driver, outcomes)
            if not ready:
                continue  # students of failed teachers were all that was left
            claims = driver.claim([trial.trial_id for trial in ready])
            if claims:
                wanted = [jobs.make(claim, ledger.membership(claim.trial_id)) for claim in claims]
                with _Round(driver, claims, outcomes, should_stop) as events:
                    executor.run(wanted, events, should_stop, jobs.storage)
            else:
                view.note_once(f"waiting for trials that another submit is running: {len(todo)}")
                driver.touch()
                time.sleep(_WAIT_SECONDS)
        return should_stop()


def _with_a_teacher(
    todo: Sequence[TrialStatus],
    trials: Sequence[TrialStatus],
    driver: Driver,
    outcomes: "_Outcomes",
) -> list[TrialStatus]:
    """Those that can begin: teachers come first, and a failed one fails its students by name."""
    by_id = {trial.trial_id: trial for trial in trials}
    ready = []
    for trial in todo:
        teacher = by_id.get(trial.settings.get("teacher", "none"))
        if teacher is None or teacher.state == State.FINISHED:
            ready.append(trial)
        elif teacher.trial_id in outcomes.given_up:
            outcomes.given_up.add(trial.trial_id)
            message = f"its teacher failed: {teacher.cell}, seed {teacher.seed}"
            for claim in driver.claim([trial.trial_id]):
                driver.end(claim, State.FAILED, message, message)
    return ready


def _measure_latency(
    experiment: Experiment,
    ledger: Ledger,
    tracker: "Tracker",
    parent: str,
    executor: Executor,
    console: Console,
) -> None:
    """Measure all cells that have a result, unless that was done for just these models."""
    trained = {t.cell for t in ledger.trials(experiment.name) if t.state == State.FINISHED}
    cells = {name: config for name, config in experiment.cells.items() if name in trained}
    known = tracker.latency(parent).get("cells", {})
    identity = {name: config.trial_id for name, config in cells.items()}
    if cells and identity != {name: cell.get("trial_id") for name, cell in known.items()}:
        console.print(f"measuring the latency of {len(cells)} cells, one at a time")
        resources = experiment.resources
        measured = executor.measure_latency(
            cells, experiment.baseline, resources.cpus, resources.gpus
        )
        for name, cell in measured["cells"].items():
            cell["trial_id"] = identity[name]
        tracker.log_latency(parent, measured)


class _Jobs:
    """Makes the jobs of an experiment; knows where its data is."""

    def __init__(self, experiment: Experiment, where: Where) -> None:
        """Look at the data.

        Raises:
            UserError: if data is missing.
        """
        settings = where.settings
        self.storage = make_folder(settings.storage)
        self.trials_on_device = 1
        self.stop_file = settings.storage / f".stop-{uuid.uuid4().hex[:8]}"
        self._settings = settings
        self._experiment = experiment
        self._trials = {trial.config.trial_id: trial for trial in experiment.trials}
        names = {trial.config.dataset for trial in experiment.trials}
        self._paths = {name: data_path(name, where.data, settings) for name in sorted(names)}
        self._described = experiment.weight_files
        self._fingerprints: dict[str, str] = {}

    def fingerprint(self, trial: PlannedTrial) -> str:
        """Of the data of a trial; data is read once for all trials that share it."""
        config = trial.config
        key = json.dumps([config.dataset, config.chosen_options("dataset")])
        if key not in self._fingerprints:
            self._fingerprints[key] = load_dataset(config, self._data(config)).fingerprint
        return self._fingerprints[key]

    def _data(self, config: TrialConfig) -> Path | None:
        """Where the data of a trial lies: a folder, or the file that describes it."""
        return self._described.get(config.dataset_file or "") or self._paths[config.dataset]

    def make(self, claim: Claim, membership: Mapping[str, str]) -> Job:
        """The job of a claimed trial."""
        trial = self._trials[claim.trial_id]
        config, settings, resources = trial.config, self._settings, self._experiment.resources
        data = self._data(config)
        weights = self._experiment.weight_files.get(config.weights)
        teacher = self._trials[config.teacher].config if config.teacher != "none" else None
        taught = settings.storage / config.teacher / "weights.safetensors"
        return Job(
            trial_id=claim.trial_id,
            settings=config.settings(),
            attempt=claim.attempt,
            name=f"{trial.cell}, seed {config.seed}",
            run_id=claim.run_id,
            storage=str(settings.storage),
            cache=str(settings.cache),
            data=str(data) if data else None,
            data_fingerprint=self.fingerprint(trial),
            weights=str(weights) if weights else None,
            cpus=resources.cpus,
            gpus=resources.gpus,
            trials_on_device=self.trials_on_device,
            tracking_uri=settings.tracking_uri,
            artifacts=str(settings.artifacts),
            tags={f"experiment/{name}": cell for name, cell in membership.items()},
            stop_file=str(self.stop_file),
            teacher=teacher.settings() if teacher else None,
            teacher_weights=str(taught) if teacher else None,
        )

    def smoke(self, cell: str, folder: Path) -> Job:
        """Two steps of a cell, with nothing kept."""
        config = self._experiment.cells[cell]
        steps = min(_SMOKE_STEPS, config.steps)  # 0 stays 0: what is only scored
        short = parse_settings({**config.settings(), "steps": steps, "eval_every": 1})
        return dataclasses.replace(
            self.make(Claim(config.trial_id, attempt=1, run_id=None), {}),
            trial_id=short.trial_id,
            settings=short.settings(),
            storage=str(folder),
            tracking_uri=None,
            teacher_weights=None,
            max_scored_frames=_SMOKE_FRAMES,
        )


class _Outcomes:
    """What the rounds of one submit have met so far."""

    def __init__(self, retries: int) -> None:
        self.given_up: set[str] = set()
        self._retries = retries
        self._failures: Counter[str] = Counter()

    def next_state(self, trial_id: str, outcome: Outcome) -> State:
        """What a trial is after an attempt; PENDING if it is to be tried again."""
        if outcome.state != State.FAILED:
            return State(outcome.state)
        self._failures[trial_id] += 1
        if outcome.retry and self._failures[trial_id] <= self._retries:
            return State.PENDING
        self.given_up.add(trial_id)
        return State.FAILED


class _Round:
    """Writes what the workers of one round report into the ledger.

    Heartbeats are collected and written together, twice a second, by a thread that also tells
    other drivers that this one lives.
    """

    def __init__(
        self,
        driver: Driver,
        claims: Sequence[Claim],
        outcomes: _Outcomes,
        should_stop: Callable[[], bool],
    ) -> None:
        self._driver = driver
        self._open = {claim.trial_id: claim for claim in claims}
        self._started: set[str] = set()
        self._outcomes = outcomes
        self._should_stop = should_stop
        self._beats: dict[Claim, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._flusher = threading.Thread(target=self._flush_until_over, daemon=True)

    def __enter__(self) -> Self:
        self._flusher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._flusher.join()
        if error is None and not self._should_stop():
            silent = Outcome(State.FAILED, "its worker ended without a word", retry=True)
            for trial_id in list(self._open):
                self.ended(trial_id, silent)

    def reported(self, trial_id: str, heartbeat: Mapping[str, Any]) -> None:
        """A worker says where it stands; the first time it says that it has begun."""
        claim = self._open[trial_id]
        if trial_id not in self._started:
            self._started.add(trial_id)
            self._driver.start(claim, heartbeat["step"], heartbeat["run_id"])
        values = {name: heartbeat[name] for name in ("step", "loss", "miou")}
        with self._lock:
            self._beats[claim] = values

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """An attempt is over."""
        claim = self._open.pop(trial_id)
        if trial_id not in self._started and outcome.state != State.CANCELLED:
            self._driver.start(claim, 0, outcome.run_id)
        self._flush()
        state = self._outcomes.next_state(trial_id, outcome)
        message = outcome.message if state == State.FAILED else None
        self._driver.end(claim, state, message, outcome.details or outcome.message)

    def _flush_until_over(self) -> None:
        touched = 0.0
        while not self._over.wait(_FLUSH_SECONDS):
            self._flush()
            if time.monotonic() - touched > _TOUCH_SECONDS:
                self._driver.touch()
                touched = time.monotonic()

    def _flush(self) -> None:
        with self._lock:
            beats, self._beats = self._beats, {}
        if beats:
            self._driver.beat(beats)


class _Collected:
    """Keeps the outcomes of a smoke test."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}

    def reported(self, trial_id: str, heartbeat: Mapping[str, Any]) -> None:
        """Not of interest."""

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """Keep it."""
        self.outcomes[trial_id] = outcome


@contextmanager
def _stop_on_signal(stop_file: Path, say: Callable[[str], object]) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C (or TERM) into a file that all workers see; the second one is final."""

    def stop(number: int, frame: FrameType | None) -> None:
        if stop_file.exists():
            raise KeyboardInterrupt
        stop_file.touch()
        say("stopping: trials keep their checkpoint, the same command goes on with them")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop_file.exists
    finally:
        stop_file.unlink(missing_ok=True)
        for number, handler in before.items():
            signal.signal(number, handler)
