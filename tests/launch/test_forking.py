"""Trials that are forked from a process which has imported what they will."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeprun.launch.events import Ended, Order, Started
from sweeprun.launch.forking import parted
from sweeprun.processes import cookie, descendants
from tests.launch.conftest import Stage

PYTHON = sys.executable
TELLS = """
import json, os, random, signal, sys
print(json.dumps({
    "argv": sys.argv, "file": __file__, "path": sys.path[0], "name": __name__, "main": sys.modules["__main__"].__file__,
    "cwd": os.getcwd(), "env": dict(os.environ), "session": os.getsid(0) == os.getpid(),
    "fds": len(os.listdir("/proc/self/fd")),
    "ignored": [n for n in signal.valid_signals() if n not in (9, 19) and signal.getsignal(n) is signal.SIG_IGN],
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler, "flags": list(sys.flags),
    "random": random.random(), "ours": [name for name in sys.modules if name.startswith("sweeprun")],
    "had": "colorsys" in sys.modules,
}))
"""
BUSY = "import threading, time; threading.Thread(target=time.sleep, args=(60,), name='busy', daemon=True).start()"
USES = """
import concurrent.futures, cProfile, faulthandler, inspect, io, multiprocessing, pickle, pstats, subprocess, sys
import threading, numpy, torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self): return 8
    def __getitem__(self, i): return torch.tensor(float(i * i)), torch.rand(())

class Settings:
    pass

def square(x): return x * x

def main():
    torch.manual_seed(3)
    for start in ("fork", "spawn"):
        batches = list(DataLoader(Squares(), batch_size=4, num_workers=1, multiprocessing_context=start))
        print(start, [batch.tolist() for batch, _ in batches], [noise.tolist() for _, noise in batches])
        with multiprocessing.get_context(start).Pool(1) as pool:
            print(pool.map(square, range(4)))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(list(pool.map(square, range(4))))
    threads = [threading.Thread(target=print, args=("in a thread",)) for _ in range(2)]
    for thread in threads: thread.start(); thread.join()
    a = torch.rand(256, 256)
    print(float((a @ a).sum()), float(numpy.linalg.eigvalsh(a.numpy()).sum()), torch.get_num_threads())
    print(type(pickle.loads(pickle.dumps(Settings()))) is Settings, inspect.getsource(square), __spec__)
    print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True).stdout)
    profile = cProfile.Profile()
    profile.runcall(square, 3)
    print("square" in str(list(pstats.Stats(profile, stream=io.StringIO()).stats)))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as traced:
        a @ a
    print(any("mm" in event.key for event in traced.key_averages()))
    faulthandler.enable()

if __name__ == "__main__":
    main()
"""
WAITS = """
import os
open(os.environ["SWEEPRUN_DIR"] + "/said", "w").write(str(os.getpid()))
open(os.environ["SWEEPRUN_DIR"] + "/go").read()
"""


@pytest.fixture
def script(stage: Stage) -> Path:
    path = stage.directory / "scripts" / "train.py"
    path.parent.mkdir()
    path.write_text(TELLS)
    return path


def started(
    stage: Stage, *argv: str, preload: tuple[str, ...] | None = ("colorsys",), **more: Any
) -> tuple[Order, Started]:
    order = stage.order(PYTHON, *argv, **more)
    env = {"SWEEPRUN_DIR" if name == "RUN" else name: value for name, value in order.env.items()}
    order = replace(order, env=env, preload=preload)
    stage.launcher.spawn(order)
    event = stage.await_event(order, Started)
    assert isinstance(event, Started)
    return order, event


def forked(stage: Stage, *argv: str, **more: Any) -> Order:
    """A trial that was forked, as soon as one is: the first ones are not, as long as the server is not ready."""
    for _ in range(200):
        order, event = started(stage, *argv, **more)
        if event.how == "fork":
            return order
        assert event.how == "exec", event
        stage.end(order)
    raise AssertionError("no trial was forked")


def leaders(stage: Stage) -> list[int]:
    """The launcher's children that have sessions: who waits to be a trial has none."""
    return [pid for pid in stage.programs if os.getsid(pid) == pid]


def told(stage: Stage, order: Order) -> dict[str, Any]:
    assert stage.end(order).code == 0, (order.run_dir / "stderr.log").read_text()
    said: dict[str, Any] = json.loads((order.run_dir / "stdout.log").read_text())
    return said


def test_a_forked_script_finds_all_as_a_program_of_its_own_does(stage: Stage, script: Path) -> None:
    """But for the modules, which are there already."""
    fork = told(stage, forked(stage, "-u", str(script), "--lr=1", X="1"))
    own, event = started(stage, "-u", str(script), "--lr=1", preload=None, X="1")
    assert event.how == "exec"
    program = told(stage, own)
    assert (fork.pop("had"), program.pop("had")) == (True, False)
    assert fork.pop("random") != program.pop("random")
    for said in (fork, program):
        for name in ("SWEEPRUN_DIR", "SWEEPRUN_TRIAL_UID"):
            del said["env"][name]
    assert fork == program


@pytest.mark.timeout(300)
def test_what_trainings_use_works_in_a_fork_as_in_a_program(stage: Stage, script: Path) -> None:
    script.write_text(USES)
    printed = {}
    for preload in (("torch",), None):
        order, event = started(stage, str(script), preload=preload)
        while preload and event.how != "fork":
            assert event.how == "exec"
            stage.launcher.stop(order.trial, 0)
            stage.end(order)
            order, event = started(stage, str(script), preload=preload)
        assert stage.end(order, within_s=120).code == 0, (order.run_dir / "stderr.log").read_text()
        printed[event.how] = (order.run_dir / "stdout.log").read_text()
    assert printed["fork"] == printed["exec"]


def test_two_forks_draw_other_random_numbers(stage: Stage, script: Path) -> None:
    drawn = {told(stage, forked(stage, str(script), preload=("random",)))["random"] for _ in range(3)}
    assert len(drawn) == 3


def test_a_fork_is_known_by_its_uid_and_is_a_child_of_the_launcher(stage: Stage) -> None:
    script = stage.directory / "waits.py"
    script.write_text(WAITS)
    for _ in range(200):
        order, event = started(stage, str(script))
        (pid,) = stage.said(order)
        assert pid == event.pid
        assert cookie(pid) == order.uid
        assert pid in [each.pid for each in descendants(stage.launcher.identity[0])]
        stage.let_go(order)
        assert stage.end(order).code == 0
        if event.how == "fork":
            return
    raise AssertionError("no trial was forked")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("raise ValueError('no')", 1, "ValueError: no\n"),
        ("def f(:", 1, "SyntaxError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None, ""),
        ("import atexit; atexit.register(print, 'at the end')", 0, ""),
        ("kept = open(__import__('os').environ['SWEEPRUN_DIR'] + '/kept', 'w'); kept.write('all')", 0, ""),
    ],
)
def test_it_ends_as_a_program_of_its_own_does(stage: Stage, text: str, code: int | None, said: str) -> None:
    script = stage.directory / "ends.py"
    script.write_text(text)
    ends = []
    for order in (forked(stage, str(script)), started(stage, str(script), preload=None)[0]):
        end = stage.end(order)
        kept = order.run_dir / "kept"
        out, err = ((order.run_dir / name).read_text() for name in ("stdout.log", "stderr.log"))
        ends.append((end.code, end.signal, out, err, kept.read_text() if kept.exists() else None))
    assert ends[0] == ends[1]
    assert ends[0][0] == code
    assert said in ends[0][3]


def test_a_fork_is_stopped_as_any_other(stage: Stage) -> None:
    script = stage.directory / "waits.py"
    script.write_text(WAITS)
    for _ in range(200):
        order, event = started(stage, str(script))
        stage.said(order)
        stage.launcher.stop(order.trial, 5.0)
        end = stage.end(order)
        assert (end.signal, end.ended_by) == ("SIGTERM", "stop")
        if event.how == "fork":
            return
    raise AssertionError("no trial was forked")


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("raise RuntimeError('broken')", "importing preloaded failed: RuntimeError: broken"),
        (BUSY, "a thread (busy)"),
        ("import os; os._exit(1)", "has died"),
        (None, "importing preloaded failed: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_preloaded_is_said_and_trials_are_programs_of_their_own(
    stage: Stage, script: Path, module: str | None, why: str
) -> None:
    library = stage.directory / "library"
    library.mkdir()
    if module is not None:
        (library / "preloaded.py").write_text(module)
    for _ in range(200):
        order, event = started(stage, str(script), preload=("preloaded",), PYTHONPATH=str(library))
        assert stage.end(order).code == 0
        if event.how != "exec":
            break
    assert event.how.startswith("exec: ")
    assert why in event.how


@pytest.fixture
def device() -> Iterator[Path]:
    """A file that is named as those of NVIDIA's driver are, and is /dev/null."""
    path = Path(f"/dev/nvidia-test-{os.getpid()}")
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    yield path
    path.unlink()


def test_what_opens_a_gpu_when_it_is_imported_is_not_preloaded(stage: Stage, script: Path, device: Path) -> None:
    (stage.directory / "preloaded.py").write_text(f"held = open({str(device)!r}, 'rb')")
    for _ in range(200):
        order, event = started(stage, str(script), preload=("preloaded",), PYTHONPATH=str(stage.directory))
        assert stage.end(order).code == 0
        if event.how != "exec":
            break
    assert event.how == "exec: what was imported has opened a GPU, which a fork cannot share"


def test_a_variable_that_differs_from_trial_to_trial_keeps_them_from_being_forked(stage: Stage, script: Path) -> None:
    forked(stage, str(script), SEEN="1")
    order, event = started(stage, str(script), SEEN="2")
    assert event.how == "exec: its variable SEEN is another"
    assert told(stage, order)["env"]["SEEN"] == "2"


def test_a_file_beside_the_script_hides_what_was_imported(stage: Stage, script: Path) -> None:
    (script.parent / "colorsys.py").write_text("print('mine')")
    script.write_text("import colorsys")
    for _ in range(20):
        order, event = started(stage, str(script))
        assert stage.end(order).code == 0
        assert (order.run_dir / "stdout.log").read_text() == "mine\n"
        if event.how == "fork":
            return
    raise AssertionError("no trial was forked")


def test_trials_outlive_the_process_that_forked_them_and_later_ones_are_programs(stage: Stage) -> None:
    script = stage.directory / "waits.py"
    script.write_text(WAITS)
    for _ in range(200):
        order, event = started(stage, str(script))
        stage.said(order)
        if event.how == "fork":
            break
        stage.let_go(order)
        stage.end(order)
    (server,) = {*leaders(stage)} - {event.pid}
    os.kill(server, signal.SIGKILL)
    stage.let_go(order)
    assert stage.end(order).code == 0
    later, event = started(stage, str(script))
    assert event.how == "exec: the process from which trials are forked has died"
    stage.said(later)
    stage.let_go(later)
    assert stage.end(later).code == 0


def test_who_does_not_fork_in_time_is_given_up_and_the_trial_is_started_once(stage: Stage, script: Path) -> None:
    (stage.directory / "born").mkdir()
    script.write_text(f"import os; open('{stage.directory}/born/' + os.environ['SWEEPRUN_TRIAL_UID'], 'x').close()")
    forked_before = forked(stage, str(script))
    stage.end(forked_before)
    (server,) = leaders(stage)
    os.killpg(server, signal.SIGSTOP)
    order, event = started(stage, str(script))
    assert event.how == "exec"
    assert stage.end(order).code == 0  # twice would be an error
    assert (stage.directory / "born" / order.uid).exists()
    assert not stage.alive(server)


def test_what_the_first_trials_import_is_there_for_the_next_ones(stage: Stage, script: Path) -> None:
    """But for the user's own files."""
    (script.parent / "own.py").write_text("")
    script.write_text("import sys\nprint('colorsys' in sys.modules, 'own' in sys.modules)\nimport colorsys, own")
    for _ in range(400):
        order, _ = started(stage, str(script), preload=())
        stage.end(order)
        if (order.run_dir / "stdout.log").read_text() == "True False\n":
            return
        stage.launcher.poll(0.02)
    raise AssertionError("nothing was learnt")


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["python", "a.py", "-x"], (["python"], "a.py", ["-x"])),
        (["/b/python3.11", "-uO", "-W", "error", "c/a.py"], (["/b/python3.11", "-uO", "-W", "error"], "c/a.py", [])),
        (["python", "-m", "train"], None),
        (["python", "-c", "pass"], None),
        (["python", "train"], None),
        (["bash", "a.py"], None),
        (["python"], None),
        (["python", "-"], None),
    ],
)
def test_what_a_python_script_is(argv: list[str], parts: Any) -> None:
    assert parted(argv) == parts


def test_nothing_is_left_of_it_when_the_worker_leaves(stage: Stage, script: Path) -> None:
    forked(stage, str(script))
    launcher = stage.launcher.identity[0]
    assert descendants(launcher)
    events = stage.close(5.0)
    assert all(isinstance(event, Ended) for event in events)
    assert descendants(os.getpid()) == []
