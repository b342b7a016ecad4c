"""A lease: room for one trial, and the devices it may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Why no trial can start now; `why` is a clause for people: "both GPUs are leased by sweep cifar"."""

    why: str


@dataclass(eq=False, slots=True)
class Lease:
    """Room for one trial until `release` is called or, for devices, the last process that holds `fds` is gone.

    `env` is what the trial's environment needs (CUDA_VISIBLE_DEVICES ...); `devices` are names for people.
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
