"""Results and sweeps of other tools, brought in.

csv, optuna: earlier results become trials of the sweep of a file; its search knows them, its budget does not count
them.
wandb: a sweep file of W&B, which runs as it is, is written as one of our own.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sweeprun.cli.options import AsJson, File, Overrides
from sweeprun.cli.output import Output, deliver
from sweeprun.cli.sheet import unguarded
from sweeprun.cli.start import Root, root_of, sweep_of
from sweeprun.cli.studies import study_of
from sweeprun.cli.view import say, write_document
from sweeprun.errors import UsageError
from sweeprun.run.earlier import Headings, NoResultError, Result
from sweeprun.run.from_optuna import ForeignStudy
from sweeprun.run.importing import Imported, bring_in
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile, unsupported
from sweeprun.spec.wandb import translated
from sweeprun.store.sweep import Sweep
from sweeprun.store.table import delimiter
from sweeprun.trials import Json

if TYPE_CHECKING:
    from optuna import Study

_SHOWN = 5  # of what may be many: lines that were skipped, trials outside the space

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="A CSV file: a line a result, with the names on top.")]

Wandb = Annotated[Path, typer.Argument(metavar="FILE", help="The sweep file of W&B.")]

Storage = Annotated[
    str, typer.Argument(metavar="STORAGE", help="A journal or a SQLite file of Optuna, or the URL of a database.")
]

StudyName = Annotated[str | None, typer.Option("--study", help="Which one, where the storage holds several.")]

import_ = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=__doc__)


@import_.command("csv")
def import_csv(
    table: Table, file: File, overrides: Overrides = None, as_json: AsJson = False, root: Root = None
) -> None:
    """Earlier results, of a spreadsheet, another tool or `sweeprun export csv`, become trials of the file's sweep.

    Columns are called what the parameters and the metrics are called; what is fixed in the file need not be there. The
    same results are not brought in twice.
    """
    spec = _spec(file, overrides)
    _bring_in(_in_table(table, Plan.of(spec)), spec, file, overrides, root, as_json)


@import_.command("optuna")
def import_optuna(
    storage: Storage,
    file: File,
    study: StudyName = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """The trials of a study of Optuna become trials of the file's sweep: complete and pruned ones, with their curves.

    Parameters are called in the study what they are called in the file. The storage is not written to. The same results
    are not brought in twice.
    """
    spec = _spec(file, overrides)
    with study_of(storage, study) as found:
        _bring_in(_in_study(found, storage, Plan.of(spec)), spec, file, overrides, root, as_json)


@import_.command("wandb")
def import_wandb(file: Wandb, output: Output = None) -> None:
    """Write the sweep file that a sweep file of W&B stands for, with a comment for each key that was translated."""
    deliver(translated(file, output.parent if output else Path()), output)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is in `source`, entry by entry: results, and what is none, each with its number and the reason.

    `unit` is what an entry is, `known_as` how trials will say where they are from, `ignored` what nobody asked for.
    """

    source: str
    unit: Literal["line", "trial"]
    known_as: str
    results: Sequence[Result]
    skipped: Sequence[tuple[int, str]]
    ignored: Sequence[str]

    def place(self, entry: int) -> str:
        """Where an entry stands."""
        return f"{self.source}:{entry}" if self.unit == "line" else f"{self.source}: trial {entry}"


def _in_table(table: Path, plan: Plan) -> Found:
    """Raises UsageError where the table is none, or none of this sweep's."""
    lines = _lines(table)
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
    return Found(str(table), "line", table.name, results, skipped, meant.ignored)


def _in_study(study: Study, storage: str, plan: Plan) -> Found:
    foreign = ForeignStudy(study, plan)
    results, skipped = foreign.results()
    return Found(storage, "trial", f"study {study.study_name}", results, skipped, foreign.ignored)


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


def _spec(file: Path, overrides: list[str] | None) -> SweepFile:
    spec = SweepFile.load(file, overrides or ())
    for problem in unsupported(spec):
        raise problem
    return spec


def _bring_in(
    found: Found, spec: SweepFile, file: Path, overrides: list[str] | None, root: Path | None, as_json: bool
) -> None:
    for entry, why in found.skipped[:_SHOWN]:
        say(f"{found.place(entry)}: skipped: {why}")
    if len(found.skipped) > _SHOWN:
        say(f"and {len(found.skipped) - _SHOWN} more were skipped")
    if not found.results:
        raise UsageError(f"{found.source} holds no result of this sweep")
    sweep = sweep_of(spec, file, root_of(spec, root), overrides or ())
    imported = bring_in(sweep, Plan.load(sweep).space, found.results, f"{found.known_as}, {found.unit}")
    _say(found, imported)
    if as_json:
        write_document("import", _body(sweep, found, imported))


def _say(found: Found, imported: Imported) -> None:
    if found.ignored:
        what = "columns" if found.unit == "line" else "parameters"
        say(f"ignored {what}, no parameter or metric of this sweep: {', '.join(found.ignored)}")
    known = f"; {imported.n_known} were there already" if imported.n_known else ""
    numbers = [trial.number for trial, _ in imported.trials]
    which = f" as trials {numbers[0]} to {numbers[-1]}" if numbers else ""
    say(f"{found.source}: {len(numbers)} brought in{which}{known}")
    outside = [(trial.number, result) for trial, result in imported.trials if result.outside]
    for number, result in outside[:_SHOWN]:
        where = f"{found.unit} {result.entry}"
        say(f"trial {number} ({where}) is kept and does not inform the search: {result.outside}")
    if len(outside) > _SHOWN:
        say(f"and {len(outside) - _SHOWN} more like it")
    say("the search knows them, and they count against no budget")


def _body(sweep: Sweep, found: Found, imported: Imported) -> dict[str, Json]:
    return {
        "sweep": sweep.name,
        "dir": str(sweep.layout.directory),
        "imported": [
            {"number": trial.number, found.unit: result.entry, "outside": result.outside or None}
            for trial, result in imported.trials
        ],
        "known": imported.n_known,
        "skipped": [{found.unit: entry, "reason": why} for entry, why in found.skipped],
        "ignored": list(found.ignored),
    }
