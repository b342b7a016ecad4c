"""The sections of a W&B sweep file that say how to search: the metric, the method, the ends."""

from __future__ import annotations

import re
from typing import Any

from sweeprun.errors import near
from sweeprun.spec.wandb.draft import Draft
from sweeprun.spec.words import shown
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.spec.yaml_text import flow
from sweeprun.trials import Json

_METHODS = {"bayes": "auto", "random": "random", "grid": "grid"}
_OTHERS_METHODS = ("custom", "ax", "optuna", "hyperopt", "tune")  # of schedulers beside W&B
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def name(draft: Draft, written: Json) -> None:
    """W&B shows any text; here it names a directory."""
    text = written if isinstance(written, str) else str(written)
    fitting = _NOT_IN_A_NAME.sub("-", text).strip(".-_")[:100]
    if not fitting:
        draft.note((), ("name",), f"name {shown(written)}", "left out", "the sweep is named after the file")
        return
    draft.put(("name",), fitting, ("name",))
    if fitting != written:
        draft.note(("name",), ("name",), f"name {shown(written)}", f"name {fitting}", "it names the sweep's directory")


def description(draft: Draft, written: Json) -> None:
    draft.put(("description",), written if isinstance(written, str) else str(written), ("description",))


def metric(draft: Draft, written: Json) -> None:
    """`metric`; its `target` ends the sweep, which is a matter of the budget here."""
    if not isinstance(written, dict):
        draft.put(("metric",), written, ("metric",))
        return
    _one_metric(draft, ("metric",), written)
    target, named = written.get("target"), written.get("name")
    if target is not None and isinstance(named, str):
        draft.put(("budget", "target", named), target, ("metric", "target"))
        draft.note(("budget",), ("metric", "target"), f"metric.target {flow(target)}", "budget.target")


def metrics(draft: Draft, written: Json) -> None:
    """Several objectives, as W&B's custom schedulers have them."""
    draft.put(("metrics",), written, ("metrics",))


def no_metric(draft: Draft) -> None:
    """W&B runs a grid or a random search without one; here one decides which trial is best."""
    origin: KeyPath = ("metric",) if ("metric",) in draft.source.keys else ("method",)
    message = "there is no metric: W&B searches without one, sweeprun has to know which trial is best"
    hint = "--set metric=val_loss, or --set metric='{name: val_acc, goal: maximize}'"
    draft.refuse(("metric",), origin, message, hint)


def _one_metric(draft: Draft, path: KeyPath, written: dict[str, Json]) -> None:
    draft.put(path, {}, path)
    for key, value in written.items():
        if key in ("impute", "impute_while_running"):
            why = "a failed trial is known as failed, and needs no value"
            draft.note(path, (*path, key), f"metric.{key}", "left out", why)
        elif key != "target":
            draft.put((*path, key), value, (*path, key))


def method(draft: Draft, written: Json) -> None:
    algorithm = _METHODS.get(written) if isinstance(written, str) else None
    if algorithm is None:
        if written is not None and written not in _OTHERS_METHODS:
            message = f"method must be bayes, random or grid, not {shown(written)}"
            draft.refuse(("algorithm",), ("method",), message, near(str(written), _METHODS))
        algorithm = "auto"
    draft.put(("algorithm",), algorithm, ("method",))
    why = {"bayes": "sweeprun chooses by the space and the budget"}.get(str(written), "")
    draft.note(("algorithm",), ("method",), f"method {written}", f"algorithm {algorithm}", why)


def run_cap(draft: Draft, written: Json) -> None:
    draft.put(("budget", "trials"), written, ("run_cap",))
    draft.note(("budget",), ("run_cap",), f"run_cap {flow(written)}", f"budget.trials {flow(written)}")


def early_terminate(draft: Draft, written: Any) -> None:
    """The one place that decides which pruner stands for W&B's hyperband."""
    origin: KeyPath = ("early_terminate",)
    kind = written.get("type", "hyperband") if isinstance(written, dict) else written
    draft.put(("pruner",), "none", origin)
    why = f"every trial runs to its end; W&B's {kind} counts calls of wandb.log, not epochs"
    draft.note(("pruner",), origin, f"early_terminate {flow(written)}", "pruner none", why)
