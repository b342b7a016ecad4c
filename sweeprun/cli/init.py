"""Write a first sweep file: an example that runs, or what to try with a script of your own.

--from-argparse reads a script's arguments and what it prints, without running it, and proposes what to search. Nothing
that is there already is overwritten.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.view import say
from sweeprun.errors import UsageError
from sweeprun.spec.json_schema import schema
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.starter.document import SCHEMA_FILE
from sweeprun.starter.proposal import Proposal, propose
from sweeprun.starter.source import ModuleName

DEFAULT = "sweep.yaml"

Where = Annotated[Path, typer.Argument(metavar="PATH", help=f"The sweep file to write, or a directory for {DEFAULT}.")]
Script = Annotated[Path | None, typer.Option("--from-argparse", help="Propose a sweep of this script.")]


def init(path: Where = Path(DEFAULT), script: Script = None) -> None:
    """Write a first sweep file."""
    file = path / DEFAULT if path.is_dir() else path
    option = [] if script is None else ["--from-argparse", str(script)]
    _check_free(file, f"take another name: {shlex.join(['sweeprun', 'init', 'other.yaml', *option])}")
    if script is None:
        new, notes, last = _example(file), [], [f"start {file}", "best"]
    else:
        proposal = _proposal(script, file)
        new, notes, last = (
            {file: proposal.text},
            list(_notes(proposal, file)),
            [f"start {file} --smoke", f"start {file}"],
        )
    SweepFile.parse(new[file], file)  # a file of this name may be none that start takes
    for name, text in new.items():
        _write(name, text)
    written = [*map(str, new), *_schema_beside(file)]
    for note in notes:
        say(f"note: {note}")
    say(f"wrote {', '.join(written)}; next:")
    for line in (f"check {file} --draw 3", *last):
        say(f"  sweeprun {line}")


def _check_free(file: Path, otherwise: str) -> None:
    if os.path.lexists(file):
        raise UsageError(f"{file} is there already, and is not overwritten", otherwise)
    if not file.parent.is_dir():
        raise UsageError(f"{file}: there is no directory {file.parent}", f"mkdir -p {file.parent}")


def _example(file: Path) -> dict[Path, str]:
    """The example's files under the names that they get."""
    script = file.with_name("train.py")
    _check_free(script, f"propose a sweep of it: sweeprun init {file} --from-argparse {script}")
    example = resources.files("sweeprun.starter") / "example"
    text = (example / DEFAULT).read_text(encoding="utf-8").replace(DEFAULT, file.name)
    return {file: text, script: (example / "train.py").read_text(encoding="utf-8")}


def _proposal(script: Path, file: Path) -> Proposal:
    def local(module: ModuleName) -> str | None:
        base = script.parent.joinpath(*module)
        found = next((each for each in (base.with_suffix(".py"), base / "__init__.py") if each.is_file()), None)
        return _text(found) if found else None

    return propose(_text(script), os.path.relpath(script, file.parent), str(file), local)


def _text(script: Path) -> str:
    try:
        return script.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{script} is not UTF-8 text: byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"{script} cannot be read: {error.strerror}") from None


def _notes(proposal: Proposal, file: Path) -> Iterator[str]:
    yield from proposal.placed.notes
    yield from proposal.metrics.warnings
    if proposal.metrics.read is None:
        yield f"nothing that the script prints looks like a metric: {file} shows three ways to report one"
    if file.parent.resolve() != Path.cwd():
        yield f"trials run in {file.parent}, beside the sweep file: that is where relative paths of the script begin"
    if not proposal.placed.searched:
        yield f"no parameter is worth a search by its name: take the # away from one that {file} lists"


def _write(file: Path, text: str) -> None:
    with file.open("x", encoding="utf-8") as stream:
        stream.write(text)


def _schema_beside(sweep_file: Path) -> Iterator[str]:
    """Writes the schema for editors, and names it; one that is there already may be another version's, and stays."""
    file = sweep_file.with_name(SCHEMA_FILE)
    text = f"{json.dumps(schema(), indent=1)}\n"
    if not os.path.lexists(file):
        _write(file, text)
        yield f"{file} (for editors)"
    elif file.read_text(encoding="utf-8", errors="replace") != text:
        say(f"note: {file} is of another version and stays; to renew it: sweeprun schema > {file}")
