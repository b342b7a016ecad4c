"""No process of a trial outlives it, whatever it does (P01, P02, P07, P08, P13)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweeprun.launch.events import Ended, Started
from sweeprun.processes import process

if TYPE_CHECKING:
    from tests.launch.conftest import Stage

# A grandchild in a session of its own whose parent is gone; it ignores SIGTERM where TERM says so.
ESCAPE = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in sys.argv else signal.SIG_DFL)
        if "bare" in sys.argv:
            os.execve("/bin/sh", ["sh", "-c", f"echo $$ > {os.environ['RUN']}/said; exec sleep 60"], {})
        with open(os.environ["RUN"] + "/said", "w") as fifo:
            fifo.write(str(os.getpid()))
        signal.pause()
    os._exit(0)
os.wait()
if "leave" not in sys.argv:
    signal.pause()
open(os.environ["RUN"] + "/go").read()
"""


def escape(stage: Stage, *how: str) -> tuple[object, int]:
    order = stage.spawn(sys.executable, "-I", "-S", "-c", ESCAPE, *how)
    stage.await_event(order, Started)
    grandchild = stage.said(order)[0]
    if "leave" in how:
        stage.let_go(order)
    return order, grandchild


def test_a_program_may_end_within_its_grace(stage: Stage) -> None:
    order = stage.shell("trap 'exit 7' TERM; echo $$ > $RUN/said; while :; do sleep 0.01; done")
    stage.said(order)
    stage.launcher.stop(order.trial, 10)
    ended = stage.end(order)
    assert (ended.code, ended.ended_by, ended.unkillable) == (7, "stop", False)
    assert ended.seconds < 5


def test_the_sweep_file_may_choose_the_signal_that_asks_a_program_to_end(stage: Stage) -> None:
    script = "trap 'exit 7' USR1; trap 'exit 8' TERM; echo $$ > $RUN/said; while :; do sleep 0.01; done"
    order = replace(stage.order("sh", "-c", script), stop_signal=signal.SIGUSR1)
    stage.launcher.spawn(order)
    stage.said(order)
    stage.launcher.stop(order.trial, 10)
    assert stage.end(order).code == 7


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(stage: Stage) -> None:
    order = stage.shell("trap '' TERM; echo $$ > $RUN/said; while :; do sleep 0.01; done")
    pid = stage.said(order)[0]
    asked = time.monotonic()
    stage.launcher.stop(order.trial, 0.4)
    ended = stage.end(order)
    assert 0.4 <= time.monotonic() - asked < 5
    assert (ended.code, ended.signal, ended.ended_by) == (None, "SIGKILL", "stop")
    assert not stage.alive(pid)


def test_a_program_that_has_ended_by_itself_was_not_ended_by_a_stop_that_comes_with_the_news(stage: Stage) -> None:
    order = stage.shell("echo $$ > $RUN/said; read line < $RUN/go; exit 0")
    pid = stage.said(order)[0]
    launcher, _ = stage.launcher.identity
    os.kill(launcher, signal.SIGSTOP)
    stage.let_go(order)
    stage.wait_until(lambda: (found := process(pid)) is not None and found.zombie)
    stage.launcher.stop(order.trial, 10)
    os.kill(launcher, signal.SIGCONT)
    ended = stage.end(order)
    assert (ended.code, ended.ended_by) == (0, "program")


def test_no_grace_is_sigkill_at_once(stage: Stage) -> None:
    order = stage.shell("trap 'touch $RUN/handled' TERM; echo $$ > $RUN/said; while :; do sleep 0.01; done")
    stage.said(order)
    stage.launcher.stop(order.trial, 0)
    assert stage.end(order).signal == "SIGKILL"
    assert not (order.run_dir / "handled").exists()


def test_a_second_stop_shortens_the_grace_and_never_lengthens_it(stage: Stage) -> None:
    order = stage.shell("trap '' TERM; echo $$ > $RUN/said; while :; do sleep 0.01; done")
    stage.said(order)
    for grace_s in (60, 0.3, 60):
        stage.launcher.stop(order.trial, grace_s)
    assert stage.end(order, within_s=5).signal == "SIGKILL"


def test_a_stopped_program_is_continued_so_that_it_sees_the_sigterm(stage: Stage) -> None:
    order = stage.shell("trap 'exit 7' TERM; echo $$ > $RUN/said; kill -STOP $$; exit 8")
    pid = stage.said(order)[0]
    stage.wait_until(lambda: "T (stopped)" in Path(f"/proc/{pid}/status").read_text())
    stage.launcher.stop(order.trial, 10)
    assert stage.end(order).code == 7


def test_a_stop_right_after_the_start_leaves_nothing(stage: Stage) -> None:
    orders = [stage.shell("sleep 60 & sleep 60") for _ in range(20)]
    for order in orders:
        stage.launcher.stop(order.trial, 5)
    assert {stage.end(order).ended_by for order in orders} == {"stop"}
    assert stage.programs == []


def test_a_stop_of_what_does_not_run_is_ignored(stage: Stage) -> None:
    stage.launcher.stop(99, 0)
    assert stage.end(stage.spawn("true")).code == 0


def test_an_escaped_grandchild_ends_with_its_stopped_trial(stage: Stage) -> None:
    for how in ((), ("deaf",)):
        order, grandchild = escape(stage, *how)
        stage.launcher.stop(order.trial, 0.3)
        ended = stage.end(order)
        assert (ended.ended_by, ended.leftovers) == ("stop", 0)
        assert not stage.alive(grandchild)


def test_a_daemon_that_a_finished_program_leaves_is_ended_and_counted(stage: Stage) -> None:
    order, daemon = escape(stage, "leave")
    ended = stage.end(order)
    assert (ended.code, ended.ended_by, ended.leftovers) == (0, "program", 1)
    assert not stage.alive(daemon)


def test_a_daemon_that_ignores_sigterm_is_killed_two_seconds_later(stage: Stage) -> None:
    order, daemon = escape(stage, "leave", "deaf")
    began = time.monotonic()
    ended = stage.end(order)
    assert 1.5 < time.monotonic() - began < 8
    assert ended.seconds < 1.5  # the program's own
    assert (ended.code, ended.leftovers) == (0, 1)
    assert not stage.alive(daemon)


def test_a_leftover_may_end_by_itself_on_sigterm(stage: Stage) -> None:
    leftover = "trap 'touch $RUN/handled; exit' TERM; echo $$ > $RUN/said; while :; do sleep 0.01; done"
    order = stage.spawn("sh", "-c", 'sh -c "$0" & read pid < $RUN/said; exit 6', leftover)
    ended = stage.end(order)
    assert (ended.code, ended.leftovers >= 1) == (6, True)
    assert (order.run_dir / "handled").exists()


def test_a_leftover_without_a_cookie_is_known_by_its_session(stage: Stage) -> None:
    neighbour = stage.shell("echo $$ > $RUN/said; exec sleep 60")
    order = stage.shell('env -i sh -c "echo \\$\\$ > $RUN/said; exec sleep 60" & read line < $RUN/go')
    stage.said(neighbour)
    leftover = stage.said(order)[0]
    stage.let_go(order)
    assert stage.end(order).leftovers == 1
    assert not stage.alive(leftover)


def test_a_daemon_that_wiped_its_environment_belongs_to_the_only_trial(stage: Stage) -> None:
    order, daemon = escape(stage, "leave", "bare")
    assert stage.end(order).leftovers == 1
    assert not stage.alive(daemon)


def test_a_daemon_without_marks_ends_with_the_launcher_at_the_latest(stage: Stage) -> None:
    neighbour = stage.shell("echo $$ > $RUN/said; exec sleep 60")
    stage.said(neighbour)
    order, daemon = escape(stage, "leave", "bare")
    stage.end(order)
    stage.close(0)
    assert not stage.alive(daemon)


def test_ending_one_trial_leaves_its_neighbours_alone(stage: Stage) -> None:
    neighbour, its_grandchild = escape(stage, "deaf")
    order, grandchild = escape(stage)
    stage.launcher.stop(order.trial, 0)
    stage.end(order)
    assert (stage.alive(grandchild), stage.alive(its_grandchild)) == (False, True)
    stage.launcher.stop(neighbour.trial, 0)
    stage.end(neighbour)
    assert not stage.alive(its_grandchild)


def test_a_fork_bomb_of_five_hundred_is_ended_without_a_zombie(stage: Stage) -> None:
    code = """
import os, signal
for i in range(500):
    if os.fork() == 0:
        if i % 2:
            os.setsid()
        if i % 50 == 0 and os.fork() == 0:
            os.setsid()
        signal.pause()
with open(os.environ["RUN"] + "/said", "w") as fifo:
    fifo.write(str(os.getpid()))
signal.pause()
"""
    order = stage.spawn(sys.executable, "-I", "-S", "-c", code)
    stage.said(order)
    stage.launcher.stop(order.trial, 0)
    ended = stage.end(order)
    assert (ended.signal, ended.unkillable) == ("SIGKILL", False)
    assert stage.programs == []


def test_a_signal_from_elsewhere_is_the_programs_own_end(stage: Stage) -> None:
    order = stage.shell("echo $$ > $RUN/said; exec sleep 60")
    os.kill(stage.said(order)[0], signal.SIGTERM)
    ended = stage.end(order)
    assert (ended.signal, ended.ended_by) == ("SIGTERM", "program")


def test_a_real_time_signal_has_a_name(stage: Stage) -> None:
    order = stage.shell("kill -36 $$")
    assert stage.end(order).signal == "SIGRTMIN+2"


def test_an_exit_file_that_cannot_be_written_delays_nothing(stage: Stage) -> None:
    order = stage.shell('rm -r "$RUN"')
    assert stage.end(order).code == 0


def test_close_ends_everything_and_hands_over_the_last_events(stage: Stage) -> None:
    orders = [stage.shell("echo $$ > $RUN/said; exec sleep 60") for _ in range(3)]
    pids = [stage.said(order)[0] for order in orders]
    launcher, _ = stage.launcher.identity
    ends = [event for event in stage.close(5) if isinstance(event, Ended)]
    assert [(ended.signal, ended.ended_by) for ended in ends] == [("SIGTERM", "stop")] * 3
    assert not any(map(stage.alive, (*pids, launcher)))
    assert json.loads((orders[0].run_dir / "exit.json").read_text())["ended_by"] == "stop"


def test_wake_interrupts_a_poll(stage: Stage) -> None:
    began = time.monotonic()
    previous = signal.signal(signal.SIGALRM, lambda signum, frame: stage.launcher.wake())
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    assert stage.launcher.poll(30) == []
    signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - began < 5


def test_an_end_is_known_though_who_writes_exit_files_is_killed_and_the_next_file_is_there(stage: Stage) -> None:
    stage.end(stage.shell("true"))
    (writer,) = stage.writers
    os.kill(writer, signal.SIGSTOP)
    cut_short = stage.shell("true")
    stage.wait_until(lambda: stage.programs == [])
    os.kill(writer, signal.SIGKILL)
    assert stage.end(cut_short, within_s=4).code == 0
    order = stage.shell("true")
    stage.end(order)
    assert json.loads((order.run_dir / "exit.json").read_text())["uid"] == order.uid


def test_a_disk_that_hangs_delays_no_end_for_long_and_not_the_next_one(stage: Stage) -> None:
    stage.end(stage.shell("true"))
    (writer,) = stage.writers
    os.kill(writer, signal.SIGSTOP)
    late = stage.shell("true")
    assert stage.end(late, within_s=10).code == 0
    assert not (late.run_dir / "exit.json").exists()
    order = stage.shell("true")
    stage.end(order, within_s=4)
    assert (order.run_dir / "exit.json").exists()
    os.kill(writer, signal.SIGCONT)
    stage.wait_until((late.run_dir / "exit.json").exists)
