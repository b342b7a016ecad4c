"""Control groups, as far as this machine has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.launch import cgroups


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "_directories", lambda controller: [str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize("name", ["memory.events", "memory.oom_control"])
def test_memory_kills_are_counted_over_the_group_and_those_below(group: Path, name: str) -> None:
    (group / "below").mkdir()
    (group / name).write_text("oom 9\noom_kill 2\noom_group_kill 7\n")
    (group / "below" / name).write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert cgroups.oom_kills() == 5


def test_without_a_counter_memory_kills_are_unknowable(group: Path) -> None:
    assert cgroups.oom_kills() is None


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.cfs_quota_us": "400000\n", "cpu.cfs_period_us": "100000\n"}, 4.0),
    ],
)
def test_the_quota_is_read_in_both_versions(group: Path, files: dict[str, str], quota: float | None) -> None:
    for name, text in files.items():
        (group / name).write_text(text)
    assert cgroups.cpu_quota() == quota


def test_the_groups_directory_is_found_by_its_mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "v1" / "job").mkdir(parents=True)
    (tmp_path / "v2").mkdir()
    lines = {
        "/proc/self/cgroup": ["4:memory:/outer/job", "0::/elsewhere"],
        "/proc/self/mountinfo": [
            f"41 31 0:38 / {tmp_path}/v2 rw,relatime shared:1 - cgroup2 cgroup2 rw",
            f"35 31 0:32 /outer {tmp_path}/v1 rw,relatime - cgroup cgroup rw,memory",
            "36 31 0:33 / /nowhere rw,relatime - cgroup cgroup rw,devices",
            "1 1 0:1 / / rw - ext4 /dev/root rw",
        ],
    }
    monkeypatch.setattr(cgroups, "_lines", lines.__getitem__)
    assert cgroups._directories("memory") == [f"{tmp_path}/v1/job", f"{tmp_path}/v2"]
