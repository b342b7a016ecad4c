"""How many trials run at once, where the next one goes, and why it has to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sweeprun.errors import UsageError
from sweeprun.launch import slots as module
from sweeprun.launch.devices import DriverError
from sweeprun.launch.leases import Lease, NoRoom
from sweeprun.launch.slots import Resources, Slots

if TYPE_CHECKING:
    from tests.launch.conftest import FakeNvml

GIB = 1 << 30
FIRST, SECOND = "GPU-aaaa-1", "GPU-bbbb-2"


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def open_slots(tmp_path: Path, clock: list[float], nvml: FakeNvml) -> Iterator[Callable[..., Slots]]:
    opened: list[Slots] = []

    def open_one(**resources: object) -> Slots:
        opened.append(Slots(Resources(**resources), "cifar", tmp_path / "leases", lambda: clock[0]))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for slots in opened:
        slots.close()


def leased(slots: Slots) -> Lease:
    lease = slots.acquire()
    assert isinstance(lease, Lease), lease
    return lease


def why(slots: Slots) -> str:
    refused = slots.acquire()
    assert isinstance(refused, NoRoom)
    return refused.why


def test_by_default_each_gpu_runs_one_trial(open_slots: Callable[..., Slots]) -> None:
    slots = open_slots()
    assert slots.count == 2
    assert [leased(slots).env for _ in range(2)] == [
        {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
    ]
    assert why(slots) == "all slots of this worker are in use (2)"


def test_without_gpus_there_is_one_slot_and_no_lease_file(
    open_slots: Callable[..., Slots], nvml: FakeNvml, tmp_path: Path
) -> None:
    nvml.driver = False
    slots = open_slots()
    assert (slots.count, slots.devices) == (1, ())
    lease = leased(slots)
    assert (lease.env, lease.fds, lease.devices) == ({}, (), ())
    assert not (tmp_path / "leases").exists()
    lease.release()
    assert leased(slots) is not lease


def test_a_trial_without_a_gpu_sees_none(open_slots: Callable[..., Slots]) -> None:
    slots = open_slots(gpus=0)
    assert (slots.count, leased(slots).env) == (1, {"CUDA_VISIBLE_DEVICES": ""})


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        ({"gpus": 0, "slots": 3}, 3),
        ({"gpus": 0, "cpus": 4}, 2),
        ({"gpus": 0, "cpus": 100}, 1),
        ({"gpus": 0, "cpus": 1, "slots": 3}, 3),
        ({"gpus": 0, "cpus": 4, "slots": 3}, 2),
        ({"gpus": 1}, 2),
        ({"gpus": 1, "slots": 1}, 1),
        ({"gpus": 2}, 1),
        ({"gpus": 0.5}, 4),
        ({"gpus": 0.3}, 6),
        ({"gpus": 0.25, "cpus": 2}, 4),
        ({"only": ("1",)}, 1),
    ],
)
def test_slots_follow_from_the_machine(
    open_slots: Callable[..., Slots], monkeypatch: pytest.MonkeyPatch, resources: dict[str, object], count: int
) -> None:
    monkeypatch.setattr(module, "cores", lambda: 8)
    assert open_slots(**resources).count == count


def test_an_inherited_selection_limits_what_is_leased(
    open_slots: Callable[..., Slots], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    slots = open_slots()
    assert slots.count == 1
    assert leased(slots).env["CUDA_VISIBLE_DEVICES"] == "1"
    with pytest.raises(UsageError, match="'0' is not a visible GPU"):
        open_slots(only=("0",))


def test_parts_are_spread_over_the_devices(open_slots: Callable[..., Slots]) -> None:
    slots = open_slots(gpus=0.5)
    assert [leased(slots).devices[0] for _ in range(4)] == ["GPU 0", "GPU 1", "GPU 0", "GPU 1"]


def test_several_devices_are_leased_all_or_none(open_slots: Callable[..., Slots]) -> None:
    one, two = open_slots(slots=1), open_slots(gpus=2)
    lease = leased(one)
    one.assign(lease, 7)
    assert why(two) == "GPU 0 is leased by sweep cifar trial 7"
    assert leased(open_slots()).devices == ("GPU 1",)  # which the one that wants both has let go


def test_two_devices_come_in_index_order(open_slots: Callable[..., Slots]) -> None:
    lease = leased(open_slots(gpus=2))
    assert (lease.env["CUDA_VISIBLE_DEVICES"], len(lease.fds)) == ("0,1", 2)


def test_a_second_release_does_nothing(open_slots: Callable[..., Slots]) -> None:
    slots = open_slots()
    lease = leased(slots)
    lease.release()
    again = leased(slots)
    lease.release()
    assert why(open_slots(only=("0",))) == "GPU 0 is leased by sweep cifar"
    assert again.devices == ("GPU 0",)


def test_a_device_that_strangers_fill_is_passed_over(open_slots: Callable[..., Slots], nvml: FakeNvml) -> None:
    nvml.used[FIRST] = 50 * GIB
    slots = open_slots()
    assert leased(slots).devices == ("GPU 1",)
    assert (
        why(slots)
        == "GPU 0 has 30.0 GiB free, a trial needs 40.0 (half its share, as resources.gpu_memory is not set); "
        "GPU 1 is leased by sweep cifar"
    )


def test_asking_for_little_memory_goes_beside_strangers(open_slots: Callable[..., Slots], nvml: FakeNvml) -> None:
    nvml.used[FIRST] = 70 * GIB
    assert leased(open_slots(gpu_memory_bytes=10 * GIB, slots=1)).devices == ("GPU 0",)
    assert "a trial needs 10.1" not in why(open_slots(gpu_memory_bytes=11 * GIB, only=("0",)))


def test_memory_that_is_reserved_and_not_yet_used_is_not_given_twice(
    open_slots: Callable[..., Slots], nvml: FakeNvml
) -> None:
    nvml.used[FIRST] = 20 * GIB
    ours = open_slots(gpus=0.25, gpu_memory_bytes=25 * GIB, only=("0",))
    assert [leased(ours).devices for _ in range(2)] == [("GPU 0",)] * 2
    nvml.used[FIRST] = 30 * GIB  # the first one has begun to use what it reserved
    assert why(ours) == "GPU 0 has 10.0 GiB free, a trial needs 25.0 (resources.gpu_memory)"


def test_a_device_is_used_again_when_its_memory_is_free(
    open_slots: Callable[..., Slots], nvml: FakeNvml, clock: list[float]
) -> None:
    slots = open_slots(only=("0",))
    nvml.used[FIRST] = 2 * GIB
    lease = leased(slots)
    nvml.used[FIRST] = 60 * GIB
    lease.release()
    assert why(slots) == "GPU 0 is not free yet: 58.0 GiB more in use than before the last trial"
    clock[0] = 29
    nvml.used[FIRST] = 2 * GIB
    leased(slots).release()
    assert leased(slots)


def test_a_device_that_got_free_is_shared_at_once(open_slots: Callable[..., Slots], nvml: FakeNvml) -> None:
    slots = open_slots(gpus=0.5, only=("0",))
    leased(slots).release()
    leased(slots)
    nvml.used[FIRST] = 20 * GIB
    assert leased(slots).devices == ("GPU 0",)


def test_a_device_that_does_not_get_free_is_quarantined_until_it_does(
    open_slots: Callable[..., Slots], nvml: FakeNvml, clock: list[float]
) -> None:
    slots = open_slots()
    lease = leased(slots)
    nvml.used[FIRST] = 3 * GIB
    lease.release()
    clock[0] = 31
    other = leased(slots)
    assert other.devices == ("GPU 1",)
    assert why(slots).startswith("GPU 0 is quarantined: 3.0 GiB more in use than before the last trial, 30 s")
    nvml.used[FIRST] = 0
    assert leased(slots).devices == ("GPU 0",)


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"gpus": 1.5}, "1.5 is neither 0"),
        ({"gpus": -1}, "-1 is neither 0"),
        ({"gpus": 3}, "3 for each trial, but 2 GPUs are visible"),
        ({"gpu_memory_bytes": 81 * GIB}, "more than any visible GPU has"),
    ],
)
def test_what_no_device_can_give_is_refused_at_once(
    open_slots: Callable[..., Slots], resources: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        open_slots(**resources)


def test_lease_files_that_cannot_be_written_are_why_a_trial_waits(
    open_slots: Callable[..., Slots], tmp_path: Path
) -> None:
    slots = open_slots()
    (tmp_path / "leases" / "GPU-aaaa-1.lock").symlink_to("elsewhere")
    assert why(slots).startswith("the lease files cannot be written: ")


def test_a_gpu_that_has_dropped_out_is_no_room_and_the_others_go_on(
    open_slots: Callable[..., Slots], nvml: FakeNvml
) -> None:
    slots = open_slots()
    nvml.lost = {FIRST}
    assert leased(slots).devices == ("GPU 1",)
    assert why(slots) == "GPU 0 does not answer: the NVIDIA driver says: GPU is lost; GPU 1 is leased by sweep cifar"
    nvml.lost = set()
    assert leased(slots).devices == ("GPU 0",)


def test_a_driver_that_does_not_answer_at_the_start_is_named(nvml: FakeNvml, open_slots: Callable[..., Slots]) -> None:
    nvml.lost = {FIRST}
    with pytest.raises(DriverError, match="GPU is lost"):
        open_slots()
