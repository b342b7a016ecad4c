"""The GPUs of this machine that we may use, and how full they are, through NVML."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sweeprun.errors import ExitCode, SweeprunError, UsageError
from sweeprun.launch.cgroups import cpu_quota


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU, or a MIG slice of one. `index` is that of the whole GPU in PCI bus order."""

    index: int
    uuid: str
    name: str
    memory_bytes: int

    @property
    def cuda_name(self) -> str:
        """What CUDA_VISIBLE_DEVICES calls it: an index, which every framework can read; a slice has only its UUID."""
        return self.uuid if self.uuid.startswith("MIG-") else str(self.index)

    def __str__(self) -> str:
        return f"GPU {self.cuda_name}"


class DriverError(SweeprunError):
    """The NVIDIA driver is there and does not answer: a GPU has dropped out, or the driver was replaced under us."""

    exit_code = ExitCode.CANNOT_WRITE


class Nvml:
    """The driver, open for as long as the object is in use. Its memory figures count every process of the machine."""

    def __init__(self, pynvml: Any):
        self._pynvml = pynvml

    def devices(self) -> tuple[Device, ...]:
        """All of them, in PCI bus order; where a GPU is cut into MIG slices, the slices instead of it. Raises
        DriverError."""
        nvml = self._pynvml
        found: list[Device] = []
        with _answering(nvml):
            for index in range(nvml.nvmlDeviceGetCount()):
                gpu = nvml.nvmlDeviceGetHandleByIndex(index)
                found += [self._device(index, handle) for handle in self._slices(gpu) or [gpu]]
        return tuple(found)

    def used_bytes(self, device: Device) -> int:
        """The memory in use now. Raises DriverError."""
        nvml = self._pynvml
        with _answering(nvml):
            return int(nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByUUID(device.uuid)).used)

    def close(self) -> None:
        with suppress(self._pynvml.NVMLError):  # a driver that went away has nothing left to close
            self._pynvml.nvmlShutdown()

    def _device(self, index: int, handle: Any) -> Device:
        nvml = self._pynvml
        memory_bytes = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
        return Device(index, nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle), memory_bytes)

    def _slices(self, gpu: Any) -> list[Any]:
        nvml = self._pynvml
        try:
            enabled, _ = nvml.nvmlDeviceGetMigMode(gpu)
        except nvml.NVMLError_NotSupported:
            return []
        slices = []
        for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)) if enabled else ():
            try:
                slices.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, number))
            except nvml.NVMLError_NotFound:  # numbers may have gaps
                continue
        return slices


def open_nvml() -> Nvml | None:
    """None where there is no NVIDIA driver. Raises DriverError."""
    import pynvml

    with _answering(pynvml):
        try:
            pynvml.nvmlInit()
        except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
            return None
    return Nvml(pynvml)


@contextmanager
def _answering(pynvml: Any) -> Iterator[None]:
    try:
        yield
    except pynvml.NVMLError as error:
        raise DriverError(f"the NVIDIA driver says: {error}", hint="nvidia-smi shows what is wrong") from error


def visible(devices: Sequence[Device], cuda_visible_devices: str | None) -> tuple[Device, ...]:
    """Those that an inherited CUDA_VISIBLE_DEVICES allows, read as CUDA does: up to the first entry that names none.

    Numbers are taken in PCI bus order, which is CUDA's own where all GPUs are alike or CUDA_DEVICE_ORDER says so.
    """
    if cuda_visible_devices is None:
        return tuple(devices)
    found: list[Device] = []
    for entry in cuda_visible_devices.split(","):
        device = _named(entry.strip(), devices)
        if device is None:
            break
        if device not in found:
            found.append(device)
    return tuple(found)


def selected(devices: Sequence[Device], names: Sequence[str]) -> tuple[Device, ...]:
    """Those that the user asked for by index or UUID; an error where one is not among the visible `devices`."""
    found: list[Device] = []
    for name in names:
        device = _named(name.strip(), devices)
        if device is None:
            seen = ", ".join(f"{each.cuda_name} ({each.name})" for each in devices) or "none"
            raise UsageError(
                f"--gpus: {name!r} is not a visible GPU; visible are: {seen}",
                hint="nvidia-smi -L lists all; CUDA_VISIBLE_DEVICES limits what can be seen here",
            )
        if device not in found:
            found.append(device)
    return tuple(found)


def _named(name: str, devices: Sequence[Device]) -> Device | None:
    if name.isdigit():
        matches = [each for each in devices if each.index == int(name) and not each.uuid.startswith("MIG-")]
    else:
        matches = [each for each in devices if name.startswith(("GPU-", "MIG-")) and each.uuid.startswith(name)]
    return matches[0] if len(matches) == 1 else None


def cores() -> int:
    """The CPU cores that this process may use, by affinity and by its control group's quota."""
    allowed = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    return allowed if quota is None else max(1, min(allowed, int(quota)))
