"""One search over trainings that are given their steps in legs, in slots, in virtual time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from heapq import heappop, heappush

from problems.trainings import Training, TrainingProblem
from schedulers import Leg, Scheduler


@dataclass
class Incumbents:
    """What a search has spent, in full trainings, when it found its best losses: of any step, and of the last steps of
    trainings that went to their end."""

    anywhere: list[tuple[float, float]] = field(default_factory=list)
    complete: list[tuple[float, float]] = field(default_factory=list)

    def note(self, spent: float, loss: float, is_last: bool) -> None:
        for found in (self.anywhere, self.complete) if is_last else (self.anywhere,):
            if loss < (found[-1][1] if found else math.inf):
                found.append((spent, loss))


def search(
    scheduler: Scheduler, problem: TrainingProblem, slots: int, budget: float
) -> tuple[Incumbents, int, list[float]]:
    """Until so many full trainings are spent: what was found, how many trials there were, the seconds of each ask."""
    found, seconds = Incumbents(), list[float]()
    trainings: dict[int, Training] = {}
    running: list[tuple[float, int, Leg]] = []  # when its next step is done
    now = spent = 0.0
    while spent < budget:
        while len(running) < slots:
            begun = time.perf_counter()
            leg = scheduler.ask()
            seconds.append(time.perf_counter() - begun)
            if leg is None:
                break
            training = trainings.get(leg.trial) or trainings.setdefault(leg.trial, problem.train(leg.params))
            if leg.done >= len(training.losses):  # it was shorter than the rungs say
                scheduler.leave(leg.trial)
                continue
            heappush(running, (now + training.seconds, leg.trial, leg))
        if not running:
            raise RuntimeError(f"{problem.name}: nothing to train after {spent:.3g} full trainings")
        now, trial, leg = heappop(running)
        training, step = trainings[trial], leg.done + 1
        loss, is_last = float(training.losses[step - 1]), step == len(training.losses)
        spent += training.cost
        found.note(spent, loss, is_last)
        if scheduler.report(trial, step, loss) or is_last or math.isnan(loss):
            scheduler.leave(trial)
        else:
            heappush(running, (now + training.seconds, trial, Leg(trial, leg.params, step)))
    return found, len(trainings), seconds
