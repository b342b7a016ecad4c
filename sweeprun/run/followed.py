"""Running trials of other workers, as far as what they report tells."""

from __future__ import annotations

from collections.abc import Iterable

from sweeprun.run.progress import Progress, Reporting
from sweeprun.store import runs
from sweeprun.store.layout import Layout
from sweeprun.store.metrics import Reader
from sweeprun.trials import Trial


class Followed:
    """Reads along, so that every worker judges its trials by all the evidence there is."""

    def __init__(self, layout: Layout, reporting: Reporting):
        self._layout, self._reporting = layout, reporting
        self._open: dict[tuple[int, int], tuple[Reader, Progress]] = {}
        self._trials: dict[tuple[int, int], Trial] = {}

    def read(self, running: Iterable[Trial], first: int | None) -> dict[int, Trial]:
        """The trials among `running` that have reported, with what they reported."""
        open_runs = {(trial.number, trial.n): trial for trial in running}
        for gone in self._open.keys() - open_runs.keys():
            del self._open[gone]
            self._trials.pop(gone, None)
        for key, trial in open_runs.items():
            if key not in self._open:
                files = runs.files(self._layout, trial)
                command = runs.read_start(files, trial)
                if command is None:
                    continue  # claimed, not started yet
                progress = Progress(self._reporting, trial, first, command["continues"])
                self._open[key] = self._reporting.reader(files, command), progress
            reader, progress = self._open[key]
            rows = reader.read()
            for row in rows:
                progress.add(row, 0.0)
            if rows:
                self._trials[key] = progress.trial(trial)
        return {number: trial for (number, _), trial in self._trials.items()}
