"""The queue of an experiment's trials: the ledger hands them out one by one."""

from collections import deque
from collections.abc import Callable, Sequence

from orchestrator.execution.job import Job, SlotSize
from orchestrator.execution.notifications.notifier import Notifier
from orchestrator.execution.trials.job_factory import JobFactory
from orchestrator.execution.trials.recorder import Recorder
from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import OpenTrial, SourceTrial, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.terminal.counts import count_of


class TrialQueue:
    """The open trials of an experiment, as one driver sees them.

    `count_ready` reads the ledger again: trials that join the experiment meanwhile are run too, and
    those that another submit has claimed are left to it.

    Args:
        experiment: the experiment as this driver submitted it.
        ledger: the ledger, which may list more trials by now.
        driver: the driver that claims the trials.
        factory: the factory of their jobs.
        recorder: the recorder, which follows each trial that is taken.
        note: a function that prints a line once.
        notifier: tells the user, who may not look, that the budget is used up or the ledger is out
            of reach.
    """

    def __init__(
        self,
        experiment: Experiment,
        ledger: Ledger,
        driver: Driver,
        factory: JobFactory,
        recorder: Recorder,
        note: Callable[[str], None],
        notifier: Notifier,
    ) -> None:
        self._experiment = experiment
        self._ledger = ledger
        self._driver = driver
        self._factory = factory
        self._recorder = recorder
        self._retries = recorder.retries
        self._note = note
        self._notifier = notifier
        self._ready: deque[OpenTrial] = deque()
        self._elsewhere = 0
        self._is_current = False

    @property
    def size(self) -> SlotSize:
        """The share of a machine that the next trial needs."""
        return self._factory.slot_size(alone=bool(self._ready and self._is_alone(self._ready[0])))

    def count_ready(self) -> int:
        """Read the ledger, and return how many trials could start now.

        While the ledger is out of reach, or a trial waits for another service, none can.
        """
        self._recorder.check()
        self._ready.clear()
        self._is_current = False
        if self._recorder.outage is None:
            try:
                return self._read()
            except LedgerUnreachableError as error:
                self._recorder.note_outage(error)
        if self._recorder.outage is not None:
            self._notifier.tell_wait(self._recorder.outage)
        return 0

    def _read(self) -> int:
        """Read the ledger, and return how many trials could start now."""
        trials = self._open_trials()
        while self._fail_dependents(trials):  # also those that depend on these
            trials = self._open_trials()
        self._name_cancelled_sources(trials)
        self._elsewhere = sum(trial.is_elsewhere for trial in trials)
        if self._experiment.resources.on_failure == "stop" and self._retries.any_final:
            trials = []
        if self._is_budget_used_up(trials):
            trials = []
        ready = [trial for trial in trials if trial.can_start() and self._can_run(trial)]
        ready.sort(key=self._is_alone, reverse=True)
        self._ready = deque(ready)
        self._is_current = True
        if self._recorder.is_waiting:
            return 0
        # A trial that needs a whole device is waited for, or it would never get one.
        return 1 if ready and self._is_alone(ready[0]) else len(ready)

    def take(self) -> Job | None:
        """Claim the next trial, and return its job; None if another submit was faster, or if the
        ledger is out of reach."""
        if self._recorder.outage is not None:
            return None
        try:
            return self._claim(self._ready.popleft())
        except LedgerUnreachableError as error:
            self._recorder.note_outage(error)
            self._is_current = False
            return None

    def _claim(self, trial: OpenTrial) -> Job | None:
        tags = self._ledger.run_tags(trial.trial_id)
        gpus = self._factory.slot_size(self._is_alone(trial)).gpus
        for claim in self._driver.claim([trial.trial_id], self._experiment.name, gpus):
            self._recorder.follow(claim)
            if trial.sample is not None:
                self._retries.samples.add(trial.trial_id)
            job = self._factory.job(claim, trial, tags, self._is_alone(trial))
            self._retries.alone.discard(trial.trial_id)
            return job
        self._elsewhere += 1
        return None

    def is_over(self) -> bool:
        """Return whether no trial is left to start or to wait for."""
        if not self._is_current:
            return False
        if not self._ready and self._elsewhere:
            trials = count_of(self._elsewhere, "trial")
            self._note(f"waiting for {trials} that another submit is running")
        return not self._ready and not self._elsewhere

    def _open_trials(self) -> list[OpenTrial]:
        return self._driver.open_trials(self._experiment.name, self._recorder.held)

    def _is_alone(self, trial: OpenTrial) -> bool:
        return trial.trial_id in self._retries.alone

    def _can_run(self, trial: OpenTrial) -> bool:
        """Return whether this driver has all that a trial needs, also one that joined later."""
        needed = [*(source.trial_id for source in trial.sources), trial.trial_id]
        return all(self._factory_can_run(trial_id) for trial_id in needed)

    def _factory_can_run(self, trial_id: str) -> bool:
        can_run = self._factory.can_run(trial_id)
        if can_run is None:
            return self._factory.add(trial_id, *self._ledger.settings_and_data(trial_id))
        return can_run

    def _is_budget_used_up(self, trials: Sequence[OpenTrial]) -> bool:
        """Return whether the budget lets no further trial start, and say so."""
        budget = self._ledger.budget(self._experiment.name)
        if budget is None or not budget.is_used_up:
            return False
        if any(not trial.is_elsewhere for trial in trials):
            self._note(budget.explain_used_up())
            self._notifier.tell_budget(budget.explain_used_up())
        return True

    def _fail_dependents(self, trials: list[OpenTrial]) -> bool:
        """Fail the trials that depend on one that failed; return whether any has failed."""
        has_failed = False
        for trial in trials:
            source = trial.find_source(State.FAILED)
            if source is None or trial.is_elsewhere:
                continue
            message = f"{source.describe()} failed: {self._name(source)}"
            for claim in self._driver.claim([trial.trial_id]):
                self._driver.end(claim, State.FAILED, message, message)
                has_failed = True
        return has_failed

    def _name_cancelled_sources(self, trials: list[OpenTrial]) -> None:
        """Say which trials stay pending, as one that they depend on was cancelled or waits too."""
        waiting = {t.trial_id for t in trials if t.find_source(State.CANCELLED)}
        count = 0
        while count < len(waiting):  # one more link of every chain at a time
            count = len(waiting)
            waiting |= {t.trial_id for t in trials if waiting & {s.trial_id for s in t.sources}}
        for trial in trials:
            if trial.trial_id in waiting and not trial.is_elsewhere:
                self._note(f"{trial.name} stays pending: {self._why(trial)}")

    def _why(self, trial: OpenTrial) -> str:
        """Return why a trial stays pending."""
        cancelled = trial.find_source(State.CANCELLED)
        if cancelled is not None:
            return f"{cancelled.describe()} was cancelled ({self._name(cancelled)})"
        source = next(s for s in trial.sources if s.state != State.FINISHED)
        return f"so does {source.describe()} ({self._name(source)})"

    def _name(self, source: SourceTrial) -> str:
        cells = self._ledger.membership(source.trial_id)
        cell = cells.get(self._experiment.name, source.trial_id)
        settings, _ = self._ledger.settings_and_data(source.trial_id)
        return f"{cell}, seed {settings['seed']}"
