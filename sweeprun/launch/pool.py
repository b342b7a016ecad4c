"""The GPUs that a worker leases from: which has room now, and why another has not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sweeprun.launch.devices import Device, DriverError, Nvml
from sweeprun.launch.leases import WHOLE, Holder, LeaseFiles, NoRoom, Part

FREE_AGAIN_S = 30.0  # how long a driver may take to give a dead process's memory back
FREE_SLACK_BYTES = 512 << 20  # what else may come into use meanwhile without our thinking that it is still the trial
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Demand:
    """What each trial takes of a device: hundredths of it, and memory; None: half of its share must be free."""

    hundredths: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class _Settling:
    """A device that was left a moment ago. `used_before` is what was in use before our first trial there."""

    used_before: int
    until: float


class Pool:
    """Takes parts of devices and gives them back; a device is taken again when its memory is as free as it was."""

    def __init__(
        self,
        nvml: Nvml,
        files: LeaseFiles,
        demand: Demand,
        sweep: str,
        pid: int,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._nvml, self._files, self._demand, self._clock = nvml, files, demand, clock
        self._sweep, self._pid = sweep, pid
        self._settling: dict[Device, _Settling] = {}

    def take(self, device: Device) -> Part | NoRoom:
        """A part of the device as the demand says, or why not."""
        try:
            used = self._nvml.used_bytes(device)
        except DriverError as error:
            return NoRoom(f"{device} does not answer: {error}")
        refused = self._unsettled(device, used)
        if refused is not None:
            return refused
        reserved = self._demand.memory_bytes or 0
        holder = Holder(self._sweep, self._pid, self._demand.hundredths, reserved, used)
        part = self._files.take(device, self._demand.hundredths, holder)
        if part is None:
            return NoRoom(self._leased(device))
        try:
            # Told first, looked at second: two workers that come at once both see both reservations.
            self._files.write(part)
            refused = self._too_full(device, used)
        except OSError:
            part.close()
            raise
        if refused is not None:
            part.close()
        return refused or part

    def give_back(self, part: Part) -> None:
        """The trial's processes are gone; its memory may take a while."""
        others = [each for each in self._files.holders(part.device) if each != part.holder]
        part.close()
        if not others:  # with others on it nobody can say whose memory is still in use
            self._settling[part.device] = _Settling(part.holder.used_before, self._clock() + FREE_AGAIN_S)

    def held_hundredths(self, device: Device) -> int:
        return self._files.held_hundredths(device)

    def assign(self, part: Part, trial: int) -> Part:
        """Lets `status` say which trial it is."""
        assigned = replace(part, holder=replace(part.holder, trial=trial))
        self._files.write(assigned)
        return assigned

    def _unsettled(self, device: Device, used: int) -> NoRoom | None:
        settling = self._settling.get(device)
        if settling is None:
            return None
        if used <= settling.used_before + FREE_SLACK_BYTES:
            del self._settling[device]
            return None
        left = f"{(used - settling.used_before) / _GIB:.1f} GiB more in use than before the last trial"
        if self._clock() < settling.until:
            return NoRoom(f"{device} is not free yet: {left}")
        return NoRoom(f"{device} is quarantined: {left}, {FREE_AGAIN_S:.0f} s and more after its end")

    def _leased(self, device: Device) -> str:
        holders = self._files.holders(device)
        names = ", ".join(
            f"sweep {each.sweep}" + ("" if each.trial is None else f" trial {each.trial}") for each in holders
        )
        return f"{device} is leased by {names or 'another worker'}"

    def _too_full(self, device: Device, used: int) -> NoRoom | None:
        holders = self._files.holders(device)
        free = device.memory_bytes - used
        # What trials have reserved and not used yet is not free, either; nor what strangers used before them.
        unreserved = device.memory_bytes - min(each.used_before for each in holders)
        unreserved -= sum(each.memory_bytes for each in holders)
        asked = self._demand.memory_bytes
        needed = asked or device.memory_bytes * self._demand.hundredths // (2 * WHOLE)
        if free >= needed and (asked is None or unreserved >= 0):
            return None
        free = min(free, unreserved + (asked or 0))
        reason = "resources.gpu_memory" if asked else "half its share, as resources.gpu_memory is not set"
        return NoRoom(f"{device} has {max(free, 0) / _GIB:.1f} GiB free, a trial needs {needed / _GIB:.1f} ({reason})")
