"""Which GPUs there are and which of them we may use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sweeprun.errors import UsageError
from sweeprun.launch import devices as module
from sweeprun.launch.devices import Device, Nvml, cores, open_nvml, selected, visible

if TYPE_CHECKING:
    from tests.launch.conftest import FakeNvml

TWO = (Device(0, "GPU-aaaa-1", "A", 80), Device(1, "GPU-bbbb-2", "B", 40))
MIG = (Device(0, "MIG-cccc-3", "A", 40), Device(0, "MIG-dddd-4", "A", 40), TWO[1])


def test_devices_come_in_bus_order_with_their_memory(nvml: FakeNvml) -> None:
    found = Nvml(nvml).devices()
    assert [(each.index, each.uuid, each.memory_bytes) for each in found] == [
        (0, "GPU-aaaa-1", 80 << 30),
        (1, "GPU-bbbb-2", 80 << 30),
    ]


def test_a_gpu_that_is_cut_into_slices_is_replaced_by_them(nvml: FakeNvml) -> None:
    nvml.slices = {"GPU-aaaa-1": ["MIG-cccc-3", "MIG-dddd-4"]}
    assert [each.cuda_name for each in Nvml(nvml).devices()] == ["MIG-cccc-3", "MIG-dddd-4", "1"]


def test_without_a_driver_there_is_no_nvml(nvml: FakeNvml) -> None:
    nvml.driver = False
    assert open_nvml() is None


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [
        (None, [0, 1]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", [1]),
        ("1,0", [1, 0]),
        (" 1 , 0", [1, 0]),
        ("0,0", [0]),
        ("0,7,1", [0]),
        ("GPU-bbbb", [1]),
        ("GPU-", []),
        ("bbbb", []),
    ],
)
def test_an_inherited_cuda_visible_devices_is_read_as_cuda_does(inherited: str | None, expected: list[int]) -> None:
    assert [each.index for each in visible(TWO, inherited)] == expected


def test_slices_are_named_by_uuid_and_never_by_number() -> None:
    assert visible(MIG, "MIG-dddd") == (MIG[1],)
    assert visible(MIG, "0") == ()
    assert visible(MIG, "1") == (MIG[2],)


def test_a_user_selects_by_index_or_uuid() -> None:
    assert selected(TWO, ["1", "GPU-aaaa"]) == (TWO[1], TWO[0])


def test_a_selected_gpu_that_is_not_visible_is_an_error_that_names_what_is() -> None:
    with pytest.raises(UsageError, match=r"'3' is not a visible GPU; visible are: 0 \(A\), 1 \(B\)"):
        selected(TWO, ["0", "3"])
    with pytest.raises(UsageError, match="visible are: none"):
        selected((), ["0"])


def test_cores_are_those_of_the_affinity_and_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    for quota, expected in ((None, 8), (2.5, 2), (0.5, 1), (64.0, 8)):
        monkeypatch.setattr(module, "cpu_quota", lambda quota=quota: quota)
        assert cores() == expected


@pytest.mark.gpu
def test_a_real_driver_tells_of_its_devices() -> None:
    nvml = open_nvml()
    if nvml is None:
        pytest.skip("no NVIDIA driver here")
    for device in nvml.devices():
        assert device.uuid.startswith(("GPU-", "MIG-"))
        assert 0 <= nvml.used_bytes(device) < device.memory_bytes
    nvml.close()
