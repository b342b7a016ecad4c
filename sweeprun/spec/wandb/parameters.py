"""`parameters` of a W&B sweep file, groups included."""

from __future__ import annotations

from collections.abc import Mapping

from sweeprun.spec.wandb import distributions
from sweeprun.spec.wandb.distributions import UntranslatableError
from sweeprun.spec.wandb.draft import Draft
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.spec.yaml_text import flow
from sweeprun.trials import Json

_YAML_1_1 = frozenset({"yes", "no", "on", "off"})  # true and false, where they are not quoted


def translate(draft: Draft, given: Json) -> None:
    """Puts `parameters` into the draft, a key at a time, so that one that is refused can be overridden alone."""
    if not isinstance(given, dict):
        draft.put(("parameters",), given, ("parameters",))  # refused, with its place, when our own language is read
        return
    draft.put(("parameters",), {}, ("parameters",))
    _group(draft, given, ("parameters",), "")


def _group(draft: Draft, given: Mapping[str, Json], path: KeyPath, prefix: str) -> None:
    for key, written in given.items():
        here, name = (*path, key), prefix + key
        if not isinstance(written, dict):  # a scalar or a list, as our own files may have: W&B wants value or values
            draft.put(here, written, here)
        elif set(written) == {"parameters"} and isinstance(written["parameters"], dict):
            _nested(draft, written["parameters"], here, name)
        else:
            _leaf(draft, written, here, name)


def _nested(draft: Draft, given: Mapping[str, Json], here: KeyPath, name: str) -> None:
    draft.put((*here, "parameters"), {}, (*here, "parameters"))
    if len(here) == 2:
        why = f"an argument each, where W&B writes one dict; wandb.config has the dict {name} here, too"
        draft.note(here, here, f"the group {name}", f"{name}.{next(iter(given), '...')}, ...", why)
    _group(draft, given, (*here, "parameters"), f"{name}.")


def _leaf(draft: Draft, written: dict[str, Json], here: KeyPath, name: str) -> None:
    try:
        entry = distributions.entry(written)
    except UntranslatableError as error:
        draft.put(here, None, here)
        origin = here if error.key is None else (*here, error.key)
        draft.refuse(here, origin, f"parameters.{name}: {error.message}", error.hint)
        return
    _put(draft, here, entry.value, written)
    if entry.why or not _says_the_same(entry.value, written):
        draft.note(here, here, f"{name} {flow(written)}", flow(entry.value), entry.why)
    _surprises(draft, written, here, name)


def _put(draft: Draft, here: KeyPath, value: Json, written: dict[str, Json]) -> None:
    """With the place of each part: that of the same key, or of the key that the short form stands for."""
    if isinstance(value, dict):
        draft.put(here, {}, here)
        for key, inner in value.items():
            draft.put((*here, key), inner, (*here, key))
        return
    draft.put(here, value, (*here, "values" if isinstance(value, list) else "value"))


def _says_the_same(value: Json, written: dict[str, Json]) -> bool:
    """Whether a reader of both languages would see no difference, types of numbers included."""
    given = {key: inner for key, inner in written.items() if key != "distribution"}
    short = {"values": value} if isinstance(value, list) else {"value": value}
    return repr(value) == repr(given) or repr(short) == repr(given)


def _surprises(draft: Draft, written: dict[str, Json], here: KeyPath, name: str) -> None:
    """Values that the program does not get as W&B hands them over."""
    listed = written.get("values", [written.get("value", 0)])
    values = listed if isinstance(listed, list) else []
    if None in values:
        draft.note(here, here, f"{name} null", "no argument", f"W&B writes --{name}=None")
    booleans = [value for value in values if isinstance(value, str) and value.lower() in _YAML_1_1]
    if booleans:
        words = ", ".join(booleans)
        draft.note(here, here, f"{name} {words}", "text", "W&B reads it as a boolean where it is not quoted")
