"""A worker driven from the command line: signals turn its switch, its events are shown and written, its end is an exit
code."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from sweeprun.cli.best import Ranked
from sweeprun.cli.events import written
from sweeprun.cli.live import display
from sweeprun.cli.requirement import unknown
from sweeprun.cli.standing import kinds
from sweeprun.cli.view import say
from sweeprun.errors import ExitCode, UsageError
from sweeprun.expressions import Expression
from sweeprun.run import queueing
from sweeprun.run.budget import configurations
from sweeprun.run.events import Event
from sweeprun.run.joining import join
from sweeprun.run.worker import Switch, Worker
from sweeprun.spec.metrics import named_groups
from sweeprun.spec.quantities import duration
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.spec.words import with_hint
from sweeprun.store.sweep import Sweep
from sweeprun.trials import FailureClass, Trial, TrialState

LADDER = (
    "running trials finish, no more are started",
    "running trials are stopped and wait for a resume",
    "running trials are killed and wait for a resume",
)
NEXT = ("Ctrl-C again to stop them", "Ctrl-C again to kill them")
ENOUGH = "one step was all that --smoke wanted"


class Drive:
    """One `start` or `resume`, checked before anything is created."""

    def __init__(
        self, slots: int | None, gpus: str | None, timeout: str | None, events: str | None, require: str | None
    ):
        self._slots = slots
        self._gpus = None if gpus is None else tuple(part.strip() for part in gpus.split(",") if part.strip())
        self._timeout_s = None if timeout is None else _seconds(timeout)
        self._events = events
        self._requirement = None if require is None else Expression.parse(require)
        self._switch = Switch()
        self._worker: Worker | None = None
        self._signal: int | None = None

    def check(self, file: SweepFile) -> None:
        """Raises UsageError where --require names what no trial of the file will have. Where metrics are not read by
        patterns there may be more of them than the file names."""
        groups = named_groups(file.metrics_from)
        if self._requirement is None or groups is None:
            return
        parameters = [*file.space.names, *(file.fidelity or ())]
        metrics = [*groups, *(each.name for each in file.derived)]
        error = unknown(self._requirement, [*parameters, *metrics], "is no parameter, and no metric that is read")
        if error is not None:
            raise error

    def work(self, sweep: Sweep) -> int:
        """Work on the sweep until it ends or we are told to leave; the exit code. The best trials go to stdout."""
        worker = self._driven(sweep, shown(sweep), lambda event: True)
        ended_by = worker.halt.key if worker.halt else ""
        found = Ranked.of(sweep)
        if ended_by == "trials" and found.ranking.trials:
            more = configurations(worker.history.trials) + 10
            say(f"to try more: sweeprun resume {shown(sweep)} --trials {more}")
        elif ended_by in ("switch", "stop", "store", "failures"):
            say(f"to go on: sweeprun resume {shown(sweep)}")
        trials = worker.history.trials
        failed = [trials[number] for number in queueing.failed(trials, set(FailureClass))]
        if failed:
            say(_failures(failed, shown(sweep)))
        if self._events != "-":
            found.show()
        if ended_by == "stop" and self._requirement is None:
            return ExitCode.OK  # what was asked for, be there a value yet or not
        return self._exit_code(worker) or found.verdict(self._requirement)

    def smoke(self, sweep: Sweep) -> int:
        """Work until the first report, in a sweep that is not kept; the exit code says whether there was one."""
        reported: list[Event] = []

        def look(event: Event) -> bool:
            if event.name == "metric":
                reported.append(event)
                self._switch.turn(3, ENOUGH)
            return event.name in ("trial_started", "trial_failed", "notice") and event.said.get("text") != ENOUGH

        worker = self._driven(sweep, None, look)
        if not reported:
            say("nothing was reported, and nothing of it is kept")
            return self._exit_code(worker) or ExitCode.NO_VALUE
        step, said = reported[0].said["step"], reported[0].said["values"]
        values = ", ".join(f"{name} {value:.6g}" for name, value in said.items())
        if any(trial.state is TrialState.FAILED for trial in worker.history.trials):
            say(f"it does not work yet: step {step} reported {values}, and the trial failed; nothing of it is kept")
            return ExitCode.NO_VALUE
        missing = [each.name for each in worker.plan.objectives if each.name not in said]
        lacking = f", and not yet {', '.join(missing)}, without which a trial fails" if missing else ""
        say(f"it works: step {step} reported {values}{lacking}; nothing of it is kept")
        return 0

    def _driven(self, sweep: Sweep, kept_as: str | None, look: Callable[[Event], bool]) -> Worker:
        """Works until the end. `look` is given each event, and tells whether it is shown."""
        with ExitStack() as stack:
            stack.enter_context(self._signals())
            write = stack.enter_context(written(self._events, sweep.name))
            worker = self._worker = join(sweep, self._switch, self._gpus, self._slots)
            stack.enter_context(self._timer())
            show = stack.enter_context(display(sweep.name, worker, kept_as))
            for event in self._events_of(worker):
                if look(event):
                    show(self._hinted(event))
                write(event)
        return worker

    def _events_of(self, worker: Worker) -> Iterator[Event]:
        """What the worker tells, and once a trial is complete, whether --require names what that does not have."""
        asked = self._requirement
        for event in worker.work():
            yield event
            if asked is not None and event.name == "trial_completed" and event.trial is not None:
                trial = event.trial
                known = [*worker.plan.space.names, *trial.params, *trial.values]
                doubt = unknown(asked, known, f"is no parameter, and trial {trial.number} reported no such metric")
                if doubt is not None:
                    yield Event("notice", said={"text": with_hint(doubt.message, doubt.hint)})
                asked = None

    def _exit_code(self, worker: Worker) -> ExitCode:
        """What ended the work early; OK where nothing did."""
        key = worker.halt.key if worker.halt else ""
        if key == "switch":
            if self._signal is None:
                return ExitCode.TIMEOUT
            return ExitCode.INTERRUPTED if self._signal == signal.SIGINT else ExitCode.TERMINATED
        return {"store": ExitCode.CANNOT_WRITE, "failures": ExitCode.FAILURES}.get(key, ExitCode.OK)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handlers for as long as we work. What we were started to ignore (nohup) stays ignored."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._told)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        level = min(self._switch.level + 1, 3) if number == signal.SIGINT else 2
        self._signal = self._signal or number
        self._turn(level, f"{signal.Signals(number).name}: {LADDER[level - 1]}")

    def _hinted(self, event: Event) -> Event:
        """The notice of what Ctrl-C has asked for also says what the next one will do."""
        level, why = self._switch.level, self._switch.why
        asked = event.name == "notice" and event.said["text"] == why and self._signal == signal.SIGINT
        return Event("notice", said={"text": f"{why} ({NEXT[level - 1]})"}) if asked and level <= len(NEXT) else event

    @contextmanager
    def _timer(self) -> Iterator[None]:
        if self._timeout_s is None:
            yield
            return
        why = "--timeout is reached; running trials wait for a resume"
        timer = threading.Timer(self._timeout_s, self._turn, (2, why))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _turn(self, level: int, why: str) -> None:
        self._switch.turn(level, why)
        if self._worker is not None:
            self._worker.wake()


def _failures(failed: Sequence[Trial], sweep: str) -> str:
    return (
        f"{len(failed)} failed ({kinds(failed)}); why: sweeprun show {sweep} {failed[0].number}\n"
        f"  after mending: sweeprun resume {sweep} --retry failed, with --edit FILE where the sweep file was to blame"
    )


def shown(sweep: Sweep) -> str:
    """The sweep's directory as one would type it."""
    here, there = Path.cwd(), sweep.layout.directory
    return shlex.quote(str(there.relative_to(here) if there.is_relative_to(here) else there))


def check_owner(sweep: Sweep, trust: bool) -> None:
    """Commands of a directory that somebody else wrote run only when the user says so."""
    owner = sweep.layout.manifest.stat().st_uid
    if owner != os.geteuid() and not trust:
        raise UsageError(
            f"{sweep.layout.directory} belongs to user id {owner}, not to you; its commands would run as you",
            f"read {shown(sweep)}/sweep.yaml, then add --trust",
        )


def _seconds(timeout: str) -> float:
    try:
        return duration(timeout)
    except ValueError as error:
        raise UsageError(f"--timeout {error}", "for example: --timeout 2h") from None
