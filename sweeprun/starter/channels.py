"""Ways other than prose in which a script reports: the helper, JSON lines, the CSV and log lines of frameworks."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweeprun.starter.fields import Field, named
from sweeprun.starter.source import Source
from sweeprun.trials import Json

_NUMBER = r"'?(?P<{}>[-+.\w]+)"


@dataclass(frozen=True)
class Channel:
    """Where metrics are read, what is known of their names, and what the user must see to."""

    read: Json
    fields: tuple[Field, ...]
    origin: str
    warnings: tuple[str, ...] = ()


def reported(files: Sequence[Source]) -> Channel | None:
    """The first way that is found; None where a script only prints for people, or nothing."""
    calls = [(source, node) for source in files for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    packages = {name.split(".")[0] for source in files for name in source.imports()}
    helper = _helper(calls) if "sweeprun" in packages else None
    return helper or _json_lines(calls) or _csv(calls, packages) or _trainer(calls, packages) or _fit(calls, packages)


Calls = Sequence[tuple[Source, ast.Call]]


def _helper(calls: Calls) -> Channel | None:
    """A script may have its parameters of the helper, and print what it reports."""
    reports = [call for _, call in calls if _called(call) == "report"]
    if not reports:
        return None
    names = [keyword.arg for call in reports for keyword in call.keywords if keyword.arg]
    return Channel("file", tuple(_fields(names)), "sweeprun.report")


def _json_lines(calls: Calls) -> Channel | None:
    for source, call in calls:
        match call:
            case ast.Call(func=ast.Name(id="print"), args=[ast.Call(func=function, args=[said, *_])]) if ast.unparse(
                function
            ).endswith("dumps"):
                found = tuple(_fields(_keys(said, source.tree)))
                return Channel("stdout", found, f"the JSON lines of {source.name}:{call.lineno}")
    return None


def _csv(calls: Calls, packages: set[str]) -> Channel | None:
    logger = next(((source, call) for source, call in calls if _called(call) == "CSVLogger"), None)
    if logger is None:
        return None
    source, call = logger
    where = next((each.value for each in call.keywords if each.arg in ("save_dir", "filename")), None)
    where = where or (call.args[0] if call.args else None)
    place = source.value(where) if where is not None else ""
    warnings: tuple[str, ...] = ()
    if isinstance(place, str):
        own = f'os.environ.get("SWEEPRUN_DIR", {place or "."!r})'
        warnings = (
            f"CSVLogger of {source.name}:{call.lineno} writes to the same place in every trial: give it a directory of"
            f" each trial's own, {own}",
        )
    keras = bool(packages & {"keras", "tensorflow"})
    names = ["val_loss"] if keras else [name for source, call in calls for name in _logged(call)]
    file = (place.rpartition("/")[2] if isinstance(place, str) else "*.csv") if keras else "metrics.csv"
    return Channel({"csv": f"**/{file}"}, tuple(_fields(names)), f"CSVLogger of {source.name}", warnings=warnings)


def _logged(call: ast.Call) -> Iterator[str]:
    """What a LightningModule logs by name."""
    match call:
        case ast.Call(func=ast.Attribute(attr="log"), args=[ast.Constant(value=str() as name), *_]):
            yield name
        case ast.Call(func=ast.Attribute(attr="log_dict"), args=[ast.Dict(keys=keys), *_]):
            yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _trainer(calls: Calls, packages: set[str]) -> Channel | None:
    """The Trainer of transformers prints a dictionary at each evaluation."""
    if "transformers" not in packages or not any(_called(call).endswith("Trainer") for _, call in calls):
        return None
    text = f"'eval_loss': {_NUMBER.format('eval_loss')}.*'epoch': {_NUMBER.format('epoch')}"
    note = 'the Trainer prints eval_loss where its arguments have eval_strategy="epoch" and an eval_dataset'
    return Channel({"regex": text}, tuple(_fields(["eval_loss"])), "what the Trainer prints", warnings=(note,))


def _fit(calls: Calls, packages: set[str]) -> Channel | None:
    """Keras prints a heading for an epoch, and its validation loss when that is over."""
    fits = [call for _, call in calls if _called(call) == "fit"]
    if not packages & {"keras", "tensorflow"} or not fits:
        return None
    given = {keyword.arg for call in fits for keyword in call.keywords}
    name = "val_loss" if given & {"validation_data", "validation_split"} else "loss"
    texts = [r"Epoch (?P<epoch>\d+)/\d+", rf"\b{name}: (?P<{name}>[-+.\w]+)"]
    return Channel({"regex": texts}, tuple(_fields([name])), "what Keras prints")


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def _fields(names: Sequence[str]) -> Iterator[Field]:
    for name in dict.fromkeys(names):
        field = named(name)
        if field is not None:
            yield field


def _keys(said: ast.expr, tree: ast.Module) -> list[str]:
    """The keys of a dictionary that is written there, or assigned to the name that is."""
    if isinstance(said, ast.Name):
        assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign))
        values = [node.value for node in assigned if ast.unparse(node.targets[0]) == said.id]
        said = values[-1] if values else said
    match said:
        case ast.Dict(keys=keys):
            return [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            return [keyword.arg for keyword in keywords if keyword.arg]
    return []
