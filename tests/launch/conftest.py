# ruff: noqa: N801, N802  the fake driver has the names of the real one
"""A launcher, and orders for it: small shell programs that say through a FIFO when they are ready."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from sweeprun.launch.control import Launcher
from sweeprun.launch.events import Ended, Event, Order, SpawnFailed
from sweeprun.processes import Process, children, snapshot, start_time


class Stage:
    """Runs programs and waits for what becomes of them."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.launcher = Launcher()
        self.unseen: list[Event] = []
        self._count = 0
        self._closed = False

    def order(self, *argv: str, cwd: Path | None = None, fds: tuple[int, ...] = (), **env: str) -> Order:
        trial, self._count = self._count, self._count + 1
        run_dir = self.directory / f"run-{trial}"
        run_dir.mkdir()
        for fifo in ("said", "go"):
            os.mkfifo(run_dir / fifo)
        uid = f"{self.directory.name}-{os.getpid()}-{trial}"
        env = {"PATH": os.environ["PATH"], "SWEEPRUN_TRIAL_UID": uid, "RUN": str(run_dir)} | env
        return Order(trial, uid, argv, env, cwd or self.directory, run_dir, fds)

    def spawn(self, *argv: str, **more: object) -> Order:
        order = self.order(*argv, **more)  # type: ignore[arg-type]
        self.launcher.spawn(order)
        return order

    def shell(self, script: str, **more: object) -> Order:
        return self.spawn("sh", "-c", script, **more)

    def await_event(self, order: Order, *kinds: type, within_s: float = 15) -> Event:
        deadline = time.monotonic() + within_s
        while True:
            for event in self.unseen:
                if event.trial == order.trial and isinstance(event, kinds):
                    self.unseen.remove(event)
                    return event
            assert time.monotonic() < deadline, f"no {kinds} of trial {order.trial} within {within_s} s: {self.unseen}"
            self.unseen += self.launcher.poll(0.5)

    def end(self, order: Order, within_s: float = 15) -> Ended:
        event = self.await_event(order, Ended, SpawnFailed, within_s=within_s)
        assert isinstance(event, Ended), event
        return event

    def close(self, grace_s: float) -> list[Event]:
        events = [] if self._closed else self.launcher.close(grace_s)
        self._closed = True
        return events

    @property
    def writers(self) -> list[int]:
        """The pids of the launcher's forks that have no program of their own: they write exit files."""
        return [each.pid for each in self._children if _program(each.pid) == _program(self.launcher.identity[0])]

    @property
    def programs(self) -> list[int]:
        """The pids of the launcher's other children, zombies too."""
        return sorted({each.pid for each in self._children} - {*self.writers})

    @property
    def _children(self) -> list[Process]:
        return children(snapshot()).get(self.launcher.identity[0], [])

    @staticmethod
    def said(order: Order) -> list[int]:
        """The pids that the program wrote into its FIFO; waits for them."""
        return [int(word) for word in (order.run_dir / "said").read_text().split()]

    @staticmethod
    def let_go(order: Order) -> None:
        """Lets a program go on that reads its other FIFO."""
        (order.run_dir / "go").write_text("")

    @staticmethod
    def alive(pid: int) -> bool:
        return start_time(pid) is not None

    @staticmethod
    def wait_until(condition: Callable[[], bool], within_s: float = 10) -> None:
        deadline, pause = time.monotonic() + within_s, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, f"not so within {within_s} s"
            pause.wait(0.01)


def _program(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


GIB = 1 << 30


class FakeNvml(ModuleType):
    """pynvml with two GPUs of 80 GiB; `used` is what is in use, `slices` cuts a GPU into MIG devices, those in `lost`
    do not answer."""

    class NVMLError(Exception):
        pass

    class NVMLError_LibraryNotFound(NVMLError):
        pass

    NVMLError_DriverNotLoaded = NVMLError_LibraryNotFound

    class NVMLError_NotSupported(NVMLError):
        pass

    class NVMLError_NotFound(NVMLError):
        pass

    class NVMLError_GpuIsLost(NVMLError):
        def __str__(self) -> str:
            return "GPU is lost"

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.driver = True
        self.uuids = ["GPU-aaaa-1", "GPU-bbbb-2"]
        self.used = dict.fromkeys([*self.uuids, "MIG-cccc-3", "MIG-dddd-4"], 0)
        self.slices: dict[str, list[str]] = {}
        self.lost: set[str] = set()

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self.NVMLError_LibraryNotFound

    def nvmlShutdown(self) -> None:
        if self.lost:
            raise self.NVMLError_GpuIsLost
        self.driver = False

    def nvmlDeviceGetCount(self) -> int:
        return len(self.uuids)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return self.uuids[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetUUID(self, handle: str) -> str:
        return handle

    def nvmlDeviceGetName(self, handle: str) -> str:
        return "Fake 80GB"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        if handle in self.lost:
            raise self.NVMLError_GpuIsLost
        return SimpleNamespace(total=80 * GIB, used=self.used[handle])

    def nvmlDeviceGetMigMode(self, handle: str) -> tuple[int, int]:
        if handle.endswith("2"):
            raise self.NVMLError_NotSupported
        return (int(handle in self.slices),) * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, number: int) -> str:
        if number % 2 == 0 or number // 2 >= len(self.slices[handle]):
            raise self.NVMLError_NotFound
        return self.slices[handle][number // 2]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """Two GPUs, all of them visible."""
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close(0)
