"""How many trials a worker runs at once, and on which devices the next one goes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeprun.errors import UsageError
from sweeprun.launch.devices import Device, cores, open_nvml, selected, visible
from sweeprun.launch.leases import WHOLE, Lease, LeaseFiles, NoRoom, Part, lease_directory
from sweeprun.launch.pool import Demand, Pool


@dataclass(frozen=True, slots=True)
class Resources:
    """What the sweep file's `resources` and `start --gpus` say; None: the default that follows from the machine.

    `gpus` for each trial: 0, hundredths of a device below 1, or whole devices. `only`: indices or UUIDs of devices.
    """

    slots: int | None = None
    gpus: float | None = None
    gpu_memory_bytes: int | None = None
    cpus: int | None = None
    only: tuple[str, ...] | None = None


def room(resources: Resources) -> int:
    """How many trials a worker on this machine runs at once, as far as its devices are free. Raises UsageError where
    it has not what one of them needs."""
    nvml = open_nvml()
    try:
        devices = visible(nvml.devices() if nvml else (), os.environ.get("CUDA_VISIBLE_DEVICES"))
    finally:
        if nvml is not None:
            nvml.close()
    gpus = _gpus(resources, devices)
    _check(gpus, resources.gpu_memory_bytes, devices)
    return _count(resources, gpus, len(devices))


class Slots:
    """Admits trials, one lease each, up to `count` at once. For one thread."""

    def __init__(
        self,
        resources: Resources,
        sweep: str,
        directory: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._nvml = open_nvml()
        installed = self._nvml.devices() if self._nvml else ()
        allowed = visible(installed, os.environ.get("CUDA_VISIBLE_DEVICES"))
        self.devices: tuple[Device, ...] = allowed if resources.only is None else selected(allowed, resources.only)
        self._gpus = _gpus(resources, self.devices)
        _check(self._gpus, resources.gpu_memory_bytes, self.devices)
        self.count = _count(resources, self._gpus, len(self.devices))
        self._hides_gpus = bool(installed)
        self._held: dict[Lease, list[Part]] = {}
        self._files: LeaseFiles | None = None
        self._pool: Pool | None = None
        if self._nvml is not None and self._gpus:
            self._files = LeaseFiles(directory or lease_directory())
            demand = Demand(_hundredths(self._gpus), resources.gpu_memory_bytes)
            self._pool = Pool(self._nvml, self._files, demand, sweep, os.getpid(), clock)

    def acquire(self) -> Lease | NoRoom:
        """Room for one trial, or why there is none now."""
        if len(self._held) >= self.count:
            return NoRoom(f"all slots of this worker are in use ({self.count})")
        if self._pool is None:
            # A trial that was given no device must not find one: it would share it with a trial that leased it.
            return self._hold([], {"CUDA_VISIBLE_DEVICES": ""} if self._hides_gpus else {})
        try:
            return self._on_devices(self._pool)
        except OSError as error:
            return NoRoom(f"the lease files cannot be written: {error}")

    def assign(self, lease: Lease, trial: int) -> None:
        """Lets `status` say which trial holds the devices."""
        if self._pool is not None:
            self._held[lease] = [self._pool.assign(part, trial) for part in self._held[lease]]

    def close(self) -> None:
        """Gives back what is still held here; processes that inherited a lease keep it."""
        for lease in list(self._held):
            lease.release()
        if self._files is not None:
            self._files.close()
        if self._nvml is not None:
            self._nvml.close()

    def _on_devices(self, pool: Pool) -> Lease | NoRoom:
        wanted = max(1, int(self._gpus))
        parts: list[Part] = []
        reasons: list[str] = []
        try:
            # Parts of devices are spread, whole ones are free or not; among equals the index decides.
            for device in sorted(self.devices, key=pool.held_hundredths):
                part = pool.take(device)
                if isinstance(part, NoRoom):
                    reasons.append(part.why)
                else:
                    parts.append(part)
                if len(parts) == wanted:
                    parts.sort(key=lambda part: self.devices.index(part.device))
                    names = [part.device.cuda_name for part in parts]
                    env = {"CUDA_VISIBLE_DEVICES": ",".join(names), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
                    lease, parts = self._hold(parts, env), []
                    return lease
            return NoRoom("; ".join(reasons))
        finally:
            for part in parts:  # all or nothing
                part.close()

    def _hold(self, parts: Sequence[Part], env: dict[str, str]) -> Lease:
        names = tuple(str(part.device) for part in parts)
        lease = Lease(env, tuple(part.fd for part in parts), names, self._gpus, self._release)
        self._held[lease] = list(parts)
        return lease

    def _release(self, lease: Lease) -> None:
        for part in self._held.pop(lease):
            if self._pool is not None:
                self._pool.give_back(part)


def _gpus(resources: Resources, devices: Sequence[Device]) -> float:
    return float(bool(devices)) if resources.gpus is None else resources.gpus


def _hundredths(gpus: float) -> int:
    return WHOLE if gpus >= 1 else round(gpus * WHOLE)


def _count(resources: Resources, gpus: float, n_devices: int) -> int:
    limits = [] if resources.slots is None else [resources.slots]
    if resources.cpus is not None:
        limits.append(max(1, cores() // resources.cpus))
    if gpus >= 1:
        limits.append(n_devices // int(gpus))
    elif gpus > 0:
        limits.append(n_devices * (WHOLE // _hundredths(gpus)))
    return min(limits, default=1)


def _check(gpus: float, memory_bytes: int | None, devices: Sequence[Device]) -> None:
    if not (gpus == 0 or 0.01 <= gpus < 1 or (gpus >= 1 and gpus == int(gpus))):
        raise UsageError(f"resources.gpus: {gpus} is neither 0, a part of a device (0.01 to 0.99), nor a whole number")
    if gpus > len(devices):
        raise UsageError(
            f"resources.gpus: {gpus:g} for each trial, but {len(devices)} GPUs are visible",
            hint="sweeprun doctor shows the devices; gpus: 0 runs on the CPU",
        )
    largest = max((device.memory_bytes for device in devices), default=0)
    if gpus and memory_bytes is not None and memory_bytes > largest:
        raise UsageError(f"resources.gpu_memory: {memory_bytes} bytes is more than any visible GPU has ({largest})")
