"""Studies of Optuna in files: a journal or a SQLite database, opened to be read, or written whole."""

from __future__ import annotations

import json
import shlex
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sweeprun.errors import SweeprunError, UsageError, near
from sweeprun.run import to_optuna
from sweeprun.run.plan import Plan
from sweeprun.trials import Trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

SQLITE = (".db", ".sqlite", ".sqlite3")
_MAGIC = b"SQLite format 3\0"


class NeedsOptunaError(SweeprunError):
    """The package is not there."""


@contextmanager
def study_of(storage: str, name: str | None) -> Iterator[Study]:
    """The study of that name, or the only one, in a file, which is not written to, or behind a URL.

    Raises NeedsOptunaError, and UsageError where there is no such study.
    """
    _need_optuna()
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    try:
        opened = _opened(storage)
        there = sorted(optuna.get_all_study_names(opened))
        study = optuna.load_study(study_name=_meant(name, there, storage), storage=opened)
    except OSError as error:
        raise UsageError(f"cannot read {storage}: {error.strerror}") from None
    except (SQLAlchemyError, RuntimeError, ValueError, KeyError, ImportError) as error:
        why = str(error).partition("\n")[0]
        hint = "it may be no storage of Optuna's, or one of another version"
        raise UsageError(f"Optuna cannot read {storage}: {why}", hint) from None
    try:
        yield study
    finally:
        _close(opened)


def made_study(name: str, plan: Plan, trials: Sequence[Trial], sqlite: bool) -> bytes:
    """The contents of a storage with one study: a SQLite database, or a journal. Raises NeedsOptunaError.

    It is made in memory: on a disk Optuna waits for each value of each trial to be safe.
    """
    _need_optuna()
    from optuna.storages import RDBStorage

    if not sqlite:
        lines: list[str] = []
        _fill(_journal_in(lines), name, plan, trials)
        return "".join(f"{line}\n" for line in lines).encode()
    with closing(sqlite3.connect(":memory:")) as database:
        storage = RDBStorage("sqlite://", engine_kwargs={"creator": lambda: database})
        _fill(storage, name, plan, trials)
        storage.remove_session()
        return database.serialize()


def _journal_in(lines: list[str]) -> BaseStorage:
    """A journal in memory: a JSON object a line."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import BaseJournalBackend

    class Lines(BaseJournalBackend):
        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            lines.extend(json.dumps(log, separators=(",", ":")) for log in logs)

        def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
            return map(json.loads, lines[log_number_from:])

    return JournalStorage(Lines())


def _fill(storage: BaseStorage, name: str, plan: Plan, trials: Sequence[Trial]) -> None:
    import optuna

    directions = [objective.goal for objective in plan.objectives]
    study = optuna.create_study(study_name=name, storage=storage, directions=directions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([objective.name for objective in plan.objectives])
    to_optuna.fill(study, plan, trials)


def _need_optuna() -> None:
    try:
        import optuna
    except ModuleNotFoundError:
        raise NeedsOptunaError("this needs the package optuna", "pip install 'sweeprun[optuna]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _opened(storage: str) -> BaseStorage:
    """What is behind a URL, or the file of that name, which stays as it is."""
    if "://" in storage and not storage.startswith("sqlite:///"):
        from optuna.storages import RDBStorage

        return RDBStorage(storage)
    path = Path(storage.removeprefix("sqlite:///"))
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    if first.startswith(_MAGIC):
        return _sqlite(path)
    if _is_journal(first):
        return _journal(path)
    raise UsageError(f"{storage} is neither a journal nor a SQLite database of Optuna")


def _meant(name: str | None, there: list[str], storage: str) -> str:
    if not there:
        raise UsageError(f"{storage} holds no study")
    if name is None and len(there) > 1:
        message = f"{storage} holds {len(there)} studies: {', '.join(there)}"
        raise UsageError(message, f"--study {shlex.quote(there[0])}")
    if name is not None and name not in there:
        raise UsageError(f"{storage} holds no study {name!r}; there are: {', '.join(there)}", near(name, there))
    return name or there[0]


def _is_journal(first: bytes) -> bool:
    try:
        return "op_code" in json.loads(first)
    except ValueError:
        return False


def _sqlite(path: Path) -> BaseStorage:
    """The database in a file of any name, which a URL of SQLAlchemy's could not hold; it is not written to."""
    from optuna.storages import RDBStorage

    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    return RDBStorage("sqlite://", engine_kwargs={"creator": partial(sqlite3.connect, uri, uri=True)})


def _close(storage: BaseStorage) -> None:
    from optuna.storages import RDBStorage

    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))
