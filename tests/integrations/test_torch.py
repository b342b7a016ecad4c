"""Checkpoints and seeds of PyTorch trainings: exact, whole whatever happens, under the trial's own hyperparameters."""

from __future__ import annotations

import os
import pickle
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra")

from torch import nn  # noqa: E402
from torch.optim import lr_scheduler as schedules  # noqa: E402

from sweeprun.errors import CheckpointError  # noqa: E402
from sweeprun.integrations.torch import (  # noqa: E402
    load_checkpoint,
    reset_batchnorm,
    save_checkpoint,
    seed_everything,
)

N_STEPS = 8
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "cosine": lambda optimizer: schedules.CosineAnnealingLR(optimizer, N_STEPS, eta_min=1e-5),
    "one_cycle": lambda optimizer: schedules.OneCycleLR(
        optimizer, max_lr=10 * optimizer.param_groups[0]["lr"], total_steps=N_STEPS + 1
    ),
    "lambda": lambda optimizer: schedules.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "steps": lambda optimizer: schedules.MultiStepLR(optimizer, [2, 5]),
    "warm_up": lambda optimizer: schedules.SequentialLR(
        optimizer, [schedules.LinearLR(optimizer, 0.1, total_iters=2), schedules.ExponentialLR(optimizer, 0.9)], [2]
    ),
    "chained": lambda optimizer: schedules.ChainedScheduler(
        [schedules.ConstantLR(optimizer, 0.5, total_iters=3), schedules.ExponentialLR(optimizer, 0.9)]
    ),
}


class Training:
    """A training as a program would set it up: everything random in it, and a scheduler or none."""

    def __init__(self, schedule: str | None = None, kind: Any = torch.optim.AdamW, **hyperparameters: Any):
        seed_everything()
        self.model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
        self.optimizer = kind(self.model.parameters(), **{"lr": 0.01} | hyperparameters)
        self.scheduler = SCHEDULES[schedule](self.optimizer) if schedule else None
        self.rates: list[float] = []

    @property
    def parts(self) -> tuple[Any, ...]:
        return self.model, self.optimizer, self.scheduler

    @property
    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = self.optimizer.param_groups[0]
        return found

    def step(self) -> None:
        noise = torch.from_numpy(np.random.randn(16, 4)).float()
        loss = self.model(torch.randn(16, 4) + noise).square().mean() * random.random()
        self.optimizer.zero_grad()
        loss.backward()
        self.rates.append(self.group["lr"])
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()

    def run(self, first: int, last: int) -> Training:
        """The steps from `first` to `last`, saved after the last one."""
        for _ in range(first, last + 1):
            self.step()
        save_checkpoint(last, *self.parts)
        return self


@pytest.fixture(autouse=True)
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the checkpoint of trial 3 lies; it is not there yet. The tests' random states are kept."""
    monkeypatch.setenv("SWEEPRUN_CHECKPOINT", str(tmp_path))
    monkeypatch.setenv("SWEEPRUN_TRIAL", "3")
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        yield tmp_path / "last.pt"
    random.setstate(states[0])
    np.random.set_state(states[1])


@pytest.fixture
def another_trial(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From here on this is trial 4, which was given the checkpoint of trial 3."""
    return lambda: monkeypatch.setenv("SWEEPRUN_TRIAL", "4")


def weights(training: Training) -> list[Any]:
    return [*training.model.state_dict().values()]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(x.equal(y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("schedule", [None, *SCHEDULES])
def test_interrupted_and_continued_is_uninterrupted_bit_for_bit(schedule: str | None) -> None:
    whole = Training(schedule).run(1, N_STEPS)
    Training(schedule).run(1, 3)
    continued = Training(schedule)
    step, _, inherited = load_checkpoint(*continued.parts)
    assert (step, inherited) == (3, False)
    continued.run(step + 1, N_STEPS)
    assert continued.rates == whole.rates[3:]
    assert same(weights(continued), weights(whole))


def test_a_scheduler_that_follows_a_metric_is_continued_too() -> None:
    def plateau(training: Training) -> Any:
        return schedules.ReduceLROnPlateau(training.optimizer, patience=1)

    before, after = Training(), Training()
    scheduler, continued = plateau(before), plateau(after)
    for loss in (1.0, 1.0, 1.0, 1.0):
        scheduler.step(loss)
    save_checkpoint(4, before.model, before.optimizer, scheduler)
    load_checkpoint(after.model, after.optimizer, continued)
    assert after.group["lr"] == before.group["lr"] == pytest.approx(0.001)
    assert continued.state_dict() == scheduler.state_dict()


def test_where_there_is_no_checkpoint_nothing_changes_and_the_step_is_0() -> None:
    training = Training()
    before = [weight.clone() for weight in weights(training)]
    assert load_checkpoint(*training.parts) == (0, {}, False)
    assert same(weights(training), before)


def test_extra_comes_back_as_it_was_saved(checkpoint: Path) -> None:
    training = Training()
    save_checkpoint(1, *training.parts, metrics={"loss": 0.5, "names": ["a", None]}, average=torch.arange(3))
    _, extra, _ = load_checkpoint(*training.parts)
    assert extra.pop("average").tolist() == [0, 1, 2]
    assert extra == {"metrics": {"loss": 0.5, "names": ["a", None]}}
    assert [*checkpoint.parent.iterdir()] == [checkpoint], "nothing else is left behind"


def test_a_rate_that_the_program_lowered_by_hand_stays_low() -> None:
    training = Training()
    training.group["lr"] *= 0.1
    save_checkpoint(1, *training.parts)
    again = Training()
    load_checkpoint(*again.parts)
    assert again.group["lr"] == 0.001


def test_of_another_trial_come_weights_and_moments_and_the_hyperparameters_are_its_own(
    another_trial: Callable[[], None],
) -> None:
    donor = Training(lr=0.01, weight_decay=0.1, betas=(0.9, 0.99)).run(1, 3)
    another_trial()
    heir = Training(lr=0.02, weight_decay=0.3, betas=(0.8, 0.9))
    assert load_checkpoint(*heir.parts) == (3, {}, True)
    assert same(weights(heir), weights(donor))
    moments = [[state["exp_avg"] for state in each.optimizer.state.values()] for each in (heir, donor)]
    assert len(moments[0]) == 6
    assert same(*moments)
    assert (heir.group["lr"], heir.group["weight_decay"], heir.group["betas"]) == (0.02, 0.3, (0.8, 0.9))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_schedule_of_another_trial_goes_on_where_the_donor_was_at_this_trials_rate(
    schedule: str, another_trial: Callable[[], None]
) -> None:
    undisturbed = Training(schedule, lr=0.05).run(1, N_STEPS)
    Training(schedule, lr=0.01).run(1, 3)
    another_trial()
    heir = Training(schedule, lr=0.05)
    step, _, _ = load_checkpoint(*heir.parts)
    heir.run(step + 1, N_STEPS)
    assert heir.rates == pytest.approx(undisturbed.rates[3:], rel=1e-12)


@pytest.mark.parametrize("schedule", [None, *SCHEDULES])
def test_another_trial_of_the_same_hyperparameters_goes_on_as_the_donor_would_have(
    schedule: str | None, another_trial: Callable[[], None]
) -> None:
    whole = Training(schedule).run(1, N_STEPS)
    Training(schedule).run(1, 3)
    another_trial()
    heir = Training(schedule)
    step, _, _ = load_checkpoint(*heir.parts)
    assert same(weights(heir.run(step + 1, N_STEPS)), weights(whole))


def test_of_another_trial_a_scheduler_that_follows_a_metric_begins_anew(another_trial: Callable[[], None]) -> None:
    donor = Training(lr=0.01)
    scheduler = schedules.ReduceLROnPlateau(donor.optimizer, patience=0)
    scheduler.step(0.1)
    scheduler.step(1.0)
    save_checkpoint(2, donor.model, donor.optimizer, scheduler)
    another_trial()
    heir = Training(lr=0.5)
    begun = schedules.ReduceLROnPlateau(heir.optimizer, patience=0)
    load_checkpoint(heir.model, heir.optimizer, begun)
    begun.step(1.0)
    assert heir.group["lr"] == 0.5


def test_of_another_trial_with_another_optimizer_come_the_weights_alone(another_trial: Callable[[], None]) -> None:
    donor = Training(kind=torch.optim.SGD, momentum=0.9).run(1, 3)
    another_trial()
    heir = Training(kind=torch.optim.AdamW)
    load_checkpoint(*heir.parts)
    assert same(weights(heir), weights(donor))
    assert heir.optimizer.state == {}
    heir.step()


def test_of_a_distributed_program_rank_0_writes_and_keeps_the_random_states(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training()
    monkeypatch.setenv("RANK", "1")
    training.run(1, 1)
    assert not checkpoint.exists()
    monkeypatch.setenv("RANK", "0")
    training.run(2, 2)
    monkeypatch.setenv("RANK", "1")
    other = Training()
    seed_everything(12)
    assert load_checkpoint(*other.parts).step == 2
    assert same(weights(other), weights(training))
    drawn = torch.rand(3), random.random(), np.random.rand()
    seed_everything(12)
    assert (torch.rand(3).equal(drawn[0]), random.random(), np.random.rand()) == (True, *drawn[1:])


PROGRAM = """
import os
from torch import nn, optim
from sweeprun.integrations.torch import save_checkpoint
model = nn.Linear(200, 200)
optimizer = optim.SGD(model.parameters(), lr=0.1)
for step in (1, 2):
    nn.init.constant_(model.weight, step)
    save_checkpoint(step, model, optimizer)
    os.mkfifo(os.environ["SWEEPRUN_CHECKPOINT"] + "/last.tmp")  # too small for the second one
    print("saved", flush=True)
"""


@pytest.mark.slow
def test_killed_while_it_saves_it_leaves_the_old_checkpoint_whole(checkpoint: Path) -> None:
    model, unfinished = nn.Linear(200, 200), checkpoint.with_suffix(".tmp")
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"saved\n"
        with open(unfinished, "r+b", buffering=0) as pipe:  # both ends: nobody waits for the other
            begun, _, _ = select.select([pipe], [], [], 60)
            program.kill()
    assert begun
    assert program.returncode == -signal.SIGKILL
    unfinished.unlink()
    unfinished.write_bytes(checkpoint.read_bytes()[:500])  # what is left of a file that is no pipe
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert load_checkpoint(model, optimizer).step == 1
    assert model.weight.eq(1.0).all()
    save_checkpoint(2, model, optimizer)
    assert load_checkpoint(model, optimizer).step == 2


def test_a_full_disk_is_an_error_and_leaves_the_old_checkpoint(checkpoint: Path) -> None:
    training = Training().run(1, 1)
    checkpoint.with_suffix(".tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        training.run(2, 2)
    checkpoint.with_suffix(".tmp").unlink()
    assert load_checkpoint(*Training().parts).step == 1


class Unknown:
    pass


UNLOADABLE = {"number": np.float64(0.5), "object": Unknown(), "array": {"deep": [np.arange(3)]}}


@pytest.mark.parametrize("what", UNLOADABLE.values(), ids=UNLOADABLE)
def test_what_could_not_be_loaded_again_is_not_saved(what: Any) -> None:
    training = Training().run(1, 1)
    with pytest.raises(TypeError, match=r"a checkpoint holds tensors, .* and no \S*(numpy|Unknown)"):
        save_checkpoint(2, *training.parts, what=what)
    assert load_checkpoint(*training.parts).step == 1


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped_in_a_weight(data: bytes) -> bytes:
    place = data.index(np.float32(1234.5).tobytes())
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def flipped_in_the_directory(data: bytes) -> bytes:
    place = data.rindex(b"data.pkl")
    return data[:place] + b"\xff" + data[place + 1 :]


@pytest.mark.parametrize(
    "damage", [cut, flipped_in_a_weight, flipped_in_the_directory, lambda data: b"", lambda data: b"not a zip" * 99]
)
def test_a_damaged_checkpoint_is_an_error_that_names_it(damage: Callable[[bytes], bytes], checkpoint: Path) -> None:
    training = Training()
    save_checkpoint(1, *training.parts, marker=torch.full((5,), 1234.5))
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(CheckpointError, match=r"cannot continue from .*last\.pt: damaged.*; move it away to begin"):
        load_checkpoint(*training.parts)


class Trap:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["SWEEPRUN_CHECKPOINT"] + "/sprung",)


def test_nothing_that_a_file_asks_for_is_run(checkpoint: Path) -> None:
    training = Training()
    torch.save({"format": 1, "trap": Trap()}, checkpoint)
    with pytest.raises(CheckpointError, match=r"last\.pt"):
        load_checkpoint(*training.parts)
    checkpoint.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match=r"last\.pt"):
        load_checkpoint(*training.parts)
    assert not (checkpoint.parent / "sprung").exists()


@pytest.mark.parametrize("state", [{"model": {}}, [1, 2], {"format": 99}])
def test_a_checkpoint_of_another_origin_is_named(state: Any, checkpoint: Path) -> None:
    torch.save(state, checkpoint)
    with pytest.raises(CheckpointError, match=r"last\.pt: it was not written by save_checkpoint of this version"):
        load_checkpoint(*Training().parts)


@pytest.mark.parametrize("inherited", [False, True])
def test_a_checkpoint_of_another_program_is_named(inherited: bool, another_trial: Callable[[], None]) -> None:
    Training().run(1, 1)
    if inherited:
        another_trial()
    wider = nn.Linear(9, 9)
    with pytest.raises(CheckpointError, match=r"last\.pt: it does not fit this program: .*Unexpected key"):
        load_checkpoint(wider, torch.optim.AdamW(wider.parameters()))
    with pytest.raises(CheckpointError, match="without a scheduler"):
        load_checkpoint(*Training("cosine").parts)


def test_its_own_checkpoint_of_another_optimizer_or_with_a_scheduler_is_refused() -> None:
    Training("cosine").run(1, 1)
    with pytest.raises(CheckpointError, match="its optimizer is AdamW, not SGD"):
        load_checkpoint(*Training("cosine", kind=torch.optim.SGD).parts)
    with pytest.raises(CheckpointError, match="with a scheduler"):
        load_checkpoint(*Training().parts)


def test_reset_batchnorm_forgets_statistics_and_keeps_weights() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(108)))
    model(torch.randn(9, 1, 8, 8) + 2.0)
    nn.init.constant_(model[1].weight, 5.0)
    reset_batchnorm(model)
    for norm in (model[1], model[2][1]):
        assert norm.running_mean.eq(0).all()
        assert norm.running_var.eq(1).all()
        assert norm.num_batches_tracked == 0
    assert model[1].weight.eq(5.0).all()


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_seed_everything_seeds_every_generator_with_the_trials_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPRUN_SEED", "77")
    assert seed_everything() == 77
    first = drawn()
    assert seed_everything(77) == 77
    assert drawn() == first
    assert seed_everything(78) == 78
    assert not {*drawn()} & {*first}
    assert seed_everything(2**40) == 2**40


class Draws(torch.utils.data.Dataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return torch.tensor(drawn(), dtype=torch.float64)


def test_the_workers_of_a_loader_follow_and_go_on_after_a_checkpoint() -> None:
    def epoch() -> Any:
        return torch.cat([*torch.utils.data.DataLoader(Draws(), num_workers=1)])

    training = Training()
    seed_everything(5)
    first = epoch()
    save_checkpoint(1, *training.parts)
    second = epoch()
    load_checkpoint(*training.parts)
    assert epoch().equal(second)
    assert not second.eq(first).any()
    seed_everything(5)
    assert epoch().equal(first)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_weights_moments_and_random_numbers_go_on_too() -> None:
    def begin() -> Any:
        seed_everything()
        model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).cuda()
        return model, torch.optim.AdamW(model.parameters())

    def step(model: Any, optimizer: Any) -> list[float]:
        model(torch.randn(8, 4, device="cuda")).sum().backward()
        optimizer.step()
        values: list[float] = model[0].weight.flatten().tolist()
        return values

    whole = begin()
    step(*whole)
    save_checkpoint(1, *whole)
    expected = step(*whole)
    again = begin()
    load_checkpoint(*again)
    again[1].zero_grad()
    assert step(*again) == expected
