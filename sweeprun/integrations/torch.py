"""For trainings with PyTorch: checkpoints from which one goes on exactly, and seeds.

    seed_everything()
    model, optimizer, scheduler = ...
    step, extra, inherited = load_checkpoint(model, optimizer, scheduler)
    while step < epochs:
        step += 1
        ...
        save_checkpoint(step, model, optimizer, scheduler)
        if sweeprun.report(epoch=step, val_loss=loss):
            break
"""

from __future__ import annotations

import os
import random
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sweeprun import client
from sweeprun.errors import CheckpointError
from sweeprun.store.durable import fsync_directory

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

_FORMAT = 1
_DAMAGE = (zipfile.BadZipFile, zlib.error, UnpicklingError, EOFError, OSError, RuntimeError, UnicodeDecodeError)


class Resumed(NamedTuple):
    """How far the training is. `inherited`: the checkpoint was written by another trial than this one."""

    step: int
    extra: dict[str, Any]
    inherited: bool


def save_checkpoint(
    step: int, model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler | None = None, **extra: Any
) -> None:
    """Write `last.pt` in `sweeprun.checkpoint_dir()`, through to the disk, after `step` finished steps.

    Whenever the process is killed, the whole old checkpoint or the whole new one is there. It holds every state that a
    training on one process has, those of the random generators of torch, numpy and Python included, and `extra`:
    tensors, numbers, strings, None, in lists and dicts; a generator or a gradient scaler of your own as
    `scaler=scaler.state_dict()`. Of a distributed program rank 0 writes.

    Raises TypeError for what could be saved and not be loaded again, OSError where the disk refuses.
    """
    import torch

    if not client.first_rank():
        return
    state = {
        "format": _FORMAT,
        "trial": client.trial(),
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "algorithm": type(optimizer).__name__,
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "random": _random_state(),
        "extra": extra,
    }
    path = _path()
    with open(path.with_suffix(".tmp"), "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    _refuse_unloadable(path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)
    fsync_directory(path.parent)


def load_checkpoint(model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler | None = None) -> Resumed:
    """Restore what `save_checkpoint` wrote, wherever the model is now; call it before the first step of every run.

    Returns the finished steps after which to go on (0 where there is no checkpoint), and `extra`, its tensors on the
    CPU. Nothing in the file is run.

    Whose learning rate, weight decay, betas ... hold? Of its own checkpoint a trial goes on as if it had not been
    interrupted: hyperparameters are as they were saved, so that a rate that was lowered on the way stays low. Another
    trial's checkpoint (population based training copies that of a better trial) brings its weights, the moments of its
    optimizer and the random states, but the hyperparameters are those with which `optimizer` was just built: this
    trial's. A scheduler that counts steps goes on where the donor's was, along this trial's schedule; one that follows
    a metric (ReduceLROnPlateau) begins anew, and so do the moments where the donor used another kind of optimizer.

    Of a distributed program every rank loads, and the random states go to rank 0, whose they are. Raises
    CheckpointError where the file is damaged, of another origin, or of another model, optimizer or scheduler.
    """
    path = _path()
    if not path.exists():
        return Resumed(0, {}, inherited=False)
    saved = _read(path)
    inherited = saved["trial"] != client.trial()
    try:
        model.load_state_dict(saved["model"])
        (_inherit if inherited else _continue)(saved, optimizer, scheduler)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(path, f"it does not fit this program: {' '.join(str(error).split())}") from None
    if client.first_rank():
        _set_random_state(saved["random"])
    return Resumed(saved["step"], saved["extra"], inherited)


def reset_batchnorm(model: nn.Module) -> None:
    """Forget the running statistics of all BatchNorm layers of `model`; weights stay.

    For weights that are trained on where these statistics are stale: with a much different batch size, or other data. A
    copy of another trial's checkpoint does not need it: its statistics fit its weights. The price is a network that
    looks worse than it is until new ones have settled, some 40 batches with torch's momentum of 0.1 (of a perceptron on
    digits, six times the loss after 12 batches, three times after 24), and a trial that is judged in that time is
    judged by it. So train before the next evaluation.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()


def seed_everything(seed: int | None = None) -> int:
    """Seed Python's, numpy's and torch's random generators, on every device, with `seed` or the trial's; returns it.

    A DataLoader draws the seeds of its workers from torch's generator whenever it is iterated, so they follow, and they
    go on after `load_checkpoint` as they would have (with `persistent_workers` from the first epoch only).
    """
    import torch

    seed = client.seed() if seed is None else seed
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return seed


def _path() -> Path:
    return client.checkpoint_dir() / "last.pt"


def _refuse_unloadable(path: Path) -> None:
    """Read the file's structure, without its tensors, as `load_checkpoint` will."""
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = named[1] if named else str(error)
        message = f"a checkpoint holds tensors, numbers, strings, None, lists and dicts, and no {what}"
        raise TypeError(f"{message}; of a numpy number save float(x), of an object its state_dict()") from None


def _read(path: Path) -> dict[str, Any]:
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            torn = archive.testzip()  # torch does not look at the checksums that it wrote
        saved = None if torn else torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise CheckpointError(path, f"damaged, or no checkpoint: {str(error).partition('. ')[0]}") from None
    if torn:
        raise CheckpointError(path, f"damaged: the checksum of {torn} does not match")
    if not isinstance(saved, dict) or saved.get("format") != _FORMAT:
        raise CheckpointError(path, "it was not written by save_checkpoint of this version")
    return saved


def _continue(saved: dict[str, Any], optimizer: Optimizer, scheduler: LRScheduler | None) -> None:
    if saved["algorithm"] != type(optimizer).__name__:
        raise ValueError(f"its optimizer is {saved['algorithm']}, not {type(optimizer).__name__}")
    if (scheduler is None) != (saved["scheduler"] is None):
        raise ValueError(f"it was saved {'with' if scheduler is None else 'without'} a scheduler")
    optimizer.load_state_dict(saved["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(saved["scheduler"])


def _inherit(saved: dict[str, Any], optimizer: Optimizer, scheduler: LRScheduler | None) -> None:
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    if saved["algorithm"] == type(optimizer).__name__:
        own = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict(saved["optimizer"] | {"param_groups": own})
    if scheduler is None or isinstance(scheduler, ReduceLROnPlateau):
        return
    if saved["scheduler"] is None:
        raise ValueError("it was saved without a scheduler")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer took no step before the scheduler's
        for _ in range(_n_steps(saved["scheduler"])):
            scheduler.step()


def _n_steps(scheduler: dict[str, Any]) -> int:
    """The steps that a scheduler of this state has taken; a chain of them counts in its members."""
    return scheduler["last_epoch"] if "last_epoch" in scheduler else _n_steps(scheduler["_schedulers"][0])


def _random_state() -> dict[str, Any]:
    import torch

    version, python, gauss = random.getstate()
    of_numpy = np.random.get_state(legacy=False)
    of_numpy["state"]["key"] = torch.from_numpy(of_numpy["state"]["key"].astype(np.int64))
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
        "numpy": of_numpy,
        "python": (version, torch.tensor(python), gauss),
    }


def _set_random_state(state: dict[str, Any]) -> None:
    """Devices that this machine has not, or that were not used, are left alone."""
    import torch

    version, python, gauss = state["python"]
    random.setstate((version, tuple(python.tolist()), gauss))
    state["numpy"]["state"]["key"] = state["numpy"]["state"]["key"].numpy()
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    for device, of_device in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
        torch.cuda.set_rng_state(of_device, device)
