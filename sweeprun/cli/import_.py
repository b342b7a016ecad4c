"""Results and sweeps of other tools, brought in.

csv: earlier results become trials of the sweep of a file; its search knows them, its budget does not count them.
wandb: a sweep file of W&B, which runs as it is, is written as one of our own.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.options import AsJson, File, Overrides
from sweeprun.cli.output import Output, deliver
from sweeprun.cli.sheet import unguarded
from sweeprun.cli.start import Root, root_of, sweep_of
from sweeprun.cli.view import say, write_document
from sweeprun.errors import UsageError
from sweeprun.run.earlier import Headings, NoResultError, Result
from sweeprun.run.importing import Imported, bring_in
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile, unsupported
from sweeprun.spec.wandb import translated
from sweeprun.store.sweep import Sweep
from sweeprun.store.table import delimiter
from sweeprun.trials import Json

_SHOWN = 5  # of what may be many: lines that were skipped, trials outside the space

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="A CSV file: a line a result, with the names on top.")]

Theirs = Annotated[Path, typer.Argument(metavar="FILE", help="The sweep file of W&B.")]

import_ = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=__doc__)


@import_.command("csv")
def import_csv(
    table: Table, file: File, overrides: Overrides = None, as_json: AsJson = False, root: Root = None
) -> None:
    """Earlier results, of a spreadsheet, another tool or `sweeprun export csv`, become trials of the file's sweep.

    Columns are called what the parameters and the metrics are called; what is fixed in the file need not be there. The
    same results are not brought in twice.
    """
    spec = SweepFile.load(file, overrides or ())
    for problem in unsupported(spec):
        raise problem
    plan = Plan.of(spec)
    found = Found.of(_lines(table), table, plan)
    for line, why in found.skipped[:_SHOWN]:
        say(f"{table}:{line}: skipped: {why}")
    if len(found.skipped) > _SHOWN:
        say(f"and {len(found.skipped) - _SHOWN} more were skipped")
    if not found.results:
        raise UsageError(f"{table} holds no result of this sweep")
    sweep = sweep_of(spec, file, root_of(spec, root), overrides or ())
    imported = bring_in(sweep, Plan.load(sweep).space, found.results, table.name)
    _say(found, imported, table)
    if as_json:
        write_document("import", _body(sweep, found, imported))


@import_.command("wandb")
def import_wandb(file: Theirs, output: Output = None) -> None:
    """Write the sweep file that a sweep file of W&B stands for, with a comment for each key that was translated."""
    deliver(translated(file, output.parent if output else Path()), output)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is in a table: results, and lines that are none, each with the reason."""

    results: Sequence[Result]
    skipped: Sequence[tuple[int, str]]
    ignored: Sequence[str]

    @classmethod
    def of(cls, lines: Sequence[tuple[int, list[str]]], table: Path, plan: Plan) -> Found:
        """Raises UsageError where the table is none, or none of this sweep's."""
        if not lines:
            raise UsageError(f"{table} is empty", "its first line names the columns")
        headings = lines[0][1]
        twice = next((heading for heading in headings if heading and headings.count(heading) > 1), None)
        if twice is not None:
            raise UsageError(f"{table} has two columns {twice!r}", "call one of them something else")
        meant = Headings.of(headings, plan)
        results: list[Result] = []
        skipped: list[tuple[int, str]] = []
        for line, cells in lines[1:]:
            try:
                results.append(meant.result(_fitted(cells, len(headings)), line, plan))
            except NoResultError as error:
                skipped.append((line, str(error)))
        return cls(results, skipped, meant.ignored)


def _fitted(cells: list[str], n: int) -> list[str]:
    """As many cells as there are headings; those that are missing at the end are empty."""
    if len(cells) > n:
        raise NoResultError(f"it has {len(cells)} cells, and there are {n} headings")
    return cells + [""] * (n - len(cells))


def _lines(table: Path) -> list[tuple[int, list[str]]]:
    """The lines that are not blank, each with its number in the file."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter(first))
            return [
                (reader.line_num, [unguarded(cell.strip()) for cell in cells]) for cells in reader if any(cells)
            ]
    except OSError as error:
        raise UsageError(f"{table}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{table} is no UTF-8 text", "export it as CSV in UTF-8") from None
    except csv.Error as error:
        raise UsageError(f"{table} is no CSV: {error}") from None


def _say(found: Found, imported: Imported, table: Path) -> None:
    if found.ignored:
        say(f"ignored columns, no parameter or metric of this sweep: {', '.join(found.ignored)}")
    known = f"; {imported.n_known} were there already" if imported.n_known else ""
    numbers = [trial.number for trial, _ in imported.trials]
    which = f" as trials {numbers[0]} to {numbers[-1]}" if numbers else ""
    say(f"{table}: {len(numbers)} brought in{which}{known}")
    outside = [(trial.number, result) for trial, result in imported.trials if result.outside]
    for number, result in outside[:_SHOWN]:
        say(f"trial {number} (line {result.line}) is kept and does not inform the search: {result.outside}")
    if len(outside) > _SHOWN:
        say(f"and {len(outside) - _SHOWN} more like it")
    say("the search knows them, and they count against no budget")


def _body(sweep: Sweep, found: Found, imported: Imported) -> dict[str, Json]:
    return {
        "sweep": sweep.name,
        "dir": str(sweep.layout.directory),
        "imported": [
            {"number": trial.number, "line": result.line, "outside": result.outside or None}
            for trial, result in imported.trials
        ],
        "known": imported.n_known,
        "skipped": [{"line": line, "reason": why} for line, why in found.skipped],
        "ignored": list(found.ignored),
    }
