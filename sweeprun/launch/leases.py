"""Leases: who on this machine, of this user's sweeps, uses which part of which device.

One file per device in a directory of the user; its bytes 0..99 are the hundredths of the device. A lease is a lock on
some of them, bound to an open file (OFD lock), not to a process: launcher and trial inherit it, and it ends with the
last of them, whoever dies first and however.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sweeprun.errors import SweeprunError
from sweeprun.launch.devices import Device

WHOLE = 100
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid


class LeaseDirectoryError(SweeprunError):
    """The directory of the lease files cannot be trusted or made."""


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Why no trial can start now; `why` is a clause for people: "GPU 0 is leased by sweep cifar"."""

    why: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a part of a device. `memory_bytes` is what it reserved, `used_before` how much was in use before it."""

    sweep: str
    pid: int
    hundredths: int
    memory_bytes: int
    used_before: int
    trial: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What a lease holds of one device: locked bytes of its file, of which `first` is the lowest."""

    device: Device
    fd: int
    first: int
    holder: Holder

    def close(self) -> None:
        """Lets go of it here; a process that inherited it keeps it."""
        os.close(self.fd)


@dataclass(eq=False, slots=True)
class Lease:
    """Room for one trial until `release` is called or, for devices, the last process that holds `fds` is gone.

    `env` is what the trial's environment needs (CUDA_VISIBLE_DEVICES ...); `devices` are names for people, `gpus` how
    many devices, or which part of one, it is.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    fds: tuple[int, ...] = ()
    devices: tuple[str, ...] = ()
    gpus: float = 0.0
    on_release: Callable[[Lease], None] | None = None

    def release(self) -> None:
        """Gives the room back; a second call does nothing."""
        on_release, self.on_release = self.on_release, None
        if on_release is not None:
            on_release(self)


def lease_directory() -> Path:
    """The same for all sweeps of this user on this machine: no variable that a login has and cron has not moves it."""
    return Path(f"/tmp/sweeprun-{os.getuid()}")


class LeaseFiles:
    """The lease files in `directory`, which is made if need be and refused if another user could write into it."""

    def __init__(self, directory: Path):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        try:
            self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise LeaseDirectoryError(f"{directory}: cannot be opened as a directory: {error.strerror}") from error
        status = os.fstat(self._directory)
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            self.close()
            raise LeaseDirectoryError(
                f"{directory}: must belong to user {os.getuid()} with mode 0700, but belongs to user "
                f"{status.st_uid} with mode {stat.S_IMODE(status.st_mode):04o}",
                hint=f"remove it, or have its owner do so: rm -r {directory}",
            )

    def take(self, device: Device, hundredths: int, holder: Holder) -> Part | None:
        """So much of the device, locked; None: there is less left."""
        fd = self._open(device)
        taken: list[int] = []
        for byte in range(WHOLE):
            # Upwards, and no further than it can succeed: of two that want a whole device, one gets it.
            if len(taken) == hundredths or len(taken) + WHOLE - byte < hundredths:
                break
            if _lock(fd, byte):
                taken.append(byte)
        if len(taken) < hundredths:
            os.close(fd)
            return None
        return Part(device, fd, taken[0], holder)

    def holders(self, device: Device) -> list[Holder]:
        """Who holds parts of it now. A file says who, and is believed only while the byte in its name is locked."""
        found = (self._read(_holder_name(device, byte)) for byte in self._locked(device))
        return [holder for holder in found if holder is not None]

    def held_hundredths(self, device: Device) -> int:
        return len(self._locked(device))

    def write(self, part: Part) -> None:
        """Makes the part's holder known to the other workers of this machine."""
        name = _holder_name(part.device, part.first)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(os.open(f"{name}.new", flags, 0o600, dir_fd=self._directory), "w") as file:
            json.dump(asdict(part.holder), file)
        os.rename(f"{name}.new", name, src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def close(self) -> None:
        os.close(self._directory)

    def _open(self, device: Device) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(f"{_file_name(device)}.lock", flags, 0o600, dir_fd=self._directory)

    def _locked(self, device: Device) -> list[int]:
        fd = self._open(device)
        locked = [byte for byte in range(WHOLE) if _is_locked(fd, byte)]
        os.close(fd)
        return locked

    def _read(self, name: str) -> Holder | None:
        try:
            with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._directory)) as file:
                return Holder(**json.load(file))
        except (FileNotFoundError, ValueError, TypeError):  # not written yet, or by a version that says other things
            return None


def _file_name(device: Device) -> str:
    return device.uuid.replace("/", "_")  # as in the UUIDs of MIG slices under old drivers


def _holder_name(device: Device, byte: int) -> str:
    return f"{_file_name(device)}.{byte:02d}.json"


def _lock(fd: int, byte: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: another has it
        return False
    return True


def _is_locked(fd: int, byte: int) -> bool:
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
