"""The console script: what is imported, what is printed where, which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun import cli
from sweeprun.cli import app
from sweeprun.errors import StoreError

Command = Callable[..., Any]
HEAVY = {"numpy", "scipy", "torch"}
SCRIPT = "import sys; sys.argv[0] = 'sweeprun'\nfrom sweeprun.cli import main\ntry: main()\nfinally: "


def in_a_process(*words: str, then: str = "pass", **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT + then, *words], text=True, timeout=60, check=False, **options
    )


def imported_by(*words: str) -> set[str]:
    done = in_a_process(*words, then="print(*sys.modules, file=sys.stderr)", capture_output=True)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_help_names_every_command_and_imports_none_of_them(sweeprun: Command) -> None:
    done = sweeprun("--help")
    assert done.code == 0
    assert all(f"\n  {name} " in done.out for name in app.COMMANDS)
    assert not imported_by("--help") & (HEAVY | {"yaml", "rich"})


@pytest.mark.parametrize("command", [["best"], ["trials"], ["show", "0"], ["logs", "0"]])
def test_commands_that_look_import_nothing_heavy(build: Command, command: list[str]) -> None:
    sweep = build()
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.5})
    assert not imported_by(*command) & HEAVY


def test_status_imports_no_more_than_it_needs_to_know_whether_the_sweep_is_finished(build: Command) -> None:
    build().ended(0.5)
    assert not imported_by("status") & (HEAVY - {"numpy"})


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_has_help(sweeprun: Command, name: str) -> None:
    done = sweeprun(name, "--help")
    assert done.code == 0
    assert f"Usage: sweeprun {name}" in done.out


def test_the_version_is_printed(sweeprun: Command) -> None:
    from importlib.metadata import version

    assert sweeprun("--version").out == f"{version('sweeprun')}\n"


def test_an_unknown_command_is_one_sentence_and_the_nearest_one(sweeprun: Command) -> None:
    done = sweeprun("chekc", "--nope")
    assert (done.code, done.out) == (2, "")
    assert done.err == "sweeprun: there is no command 'chekc'\n  did you mean 'check'?\n"
    assert "sweeprun --help lists them" in sweeprun("xyzzy").err


def test_an_unknown_option_names_the_nearest_one(sweeprun: Command) -> None:
    assert "--json" in sweeprun("best", "--jsn").err


@pytest.mark.parametrize("words", [["best", "--nope"], ["status", "a", "b"], ["logs"]])
def test_bad_usage_is_exit_code_2_on_stderr(sweeprun: Command, words: list[str]) -> None:
    done = sweeprun(*words)
    assert (done.code, done.out) == (2, "")
    assert "Usage: sweeprun" in done.err


def test_an_error_of_the_user_is_one_message_with_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweeprun: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    done = sweeprun("status")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "sweeprun: there is no sweep under sweeps",
        "  sweeprun start FILE, or name one with SWEEP or --root",
    ]


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreError("full"), 75), (OSError(30, "Read-only file system", "/x"), 75), (RuntimeError("b"), 3)],
)
def test_the_kind_of_error_decides_the_exit_code(
    sweeprun: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr("sweeprun.cli.stop.opened", raising(error))
    assert sweeprun("stop").code == code


def test_an_error_of_the_system_names_the_file_without_a_traceback(
    sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeprun.cli.stop.opened", raising(PermissionError(13, "Permission denied", "/a/b")))
    assert sweeprun("stop").err == "sweeprun: /a/b: Permission denied\n"


def test_an_error_of_ours_comes_with_its_traceback_and_asks_for_a_report(
    sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeprun.cli.stop.opened", raising(RuntimeError("\x1b[31mboom")))
    done = sweeprun("stop")
    assert done.out == ""
    assert "Traceback" in done.err
    assert "please report it" in done.err.splitlines()[-1]
    assert "\x1b" not in done.err


def test_ctrl_c_is_exit_code_130(sweeprun: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeprun.cli.stop.opened", raising(KeyboardInterrupt()))
    assert sweeprun("stop").code == 130


@pytest.mark.parametrize("words", [["best"], ["trials", "--plain"], ["logs", "0"], ["status", "--json"], ["--version"]])
def test_a_reader_that_goes_away_is_no_error(build: Command, words: list[str]) -> None:
    sweep = build()
    trial = sweep.ended(0.5)
    (sweep.sweep.layout.run(trial.number, 1) / "stdout.log").write_text("x\n" * 100_000)
    reader, writer = os.pipe()
    os.close(reader)
    done = in_a_process(*words, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_broken_pipe_hides_does_not_change_the_verdict(build: Command) -> None:
    build().ended(0.5)
    reader, writer = os.pipe()
    os.close(reader)
    done = in_a_process("best", "--require", "val_loss < 0.1", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 1


def test_another_system_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "needs Linux, and this is darwin" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(build: Command, closed: str) -> None:
    sweep = build()
    sweep.ended(0.5)
    command = f"{sys.executable} -c 'from sweeprun.cli import main; main()' best -f value {closed}"
    assert subprocess.run(["sh", "-c", command], cwd=sweep.directory.parent.parent, check=False).returncode == 0


def test_a_full_disk_behind_stdout_is_said(build: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    command = f"{sys.executable} -c 'from sweeprun.cli import main; main()' best -f value >/dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=sweep.directory.parent.parent, check=False, capture_output=True)
    assert (done.returncode, b"No space left" in done.stderr, b"Traceback" in done.stderr) == (75, True, False)
