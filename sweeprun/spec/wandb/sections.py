"""The sections of a W&B sweep file that say how to search: the metric, the method, the ends."""

from __future__ import annotations

import re

from sweeprun.errors import near
from sweeprun.reported import ENDLESS
from sweeprun.spec.wandb.draft import Draft
from sweeprun.spec.words import shown
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.spec.yaml_text import flow
from sweeprun.trials import Json

_METHODS = {"bayes": "auto", "random": "random", "grid": "grid"}
_OTHERS_METHODS = ("custom", "ax", "optuna", "hyperopt", "tune")  # of schedulers beside W&B
_LEFT_OUT_OF_A_METRIC = {
    "impute": "a failed trial is known as failed, and needs no value",
    "impute_while_running": "a running trial is known as running, and needs no value",
    "threshold": "a front has no reference point here",
}
_ETA = 3  # of W&B's hyperband
_JUDGED = (
    "a step is a call of wandb.log (--set step=epoch counts by a metric), where W&B counts those with the metric; each"
    " trial is judged once at a rung, by its value there, W&B goes on judging"
)
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
    path: KeyPath = ("metric",)
    draft.put(path, _our_part(draft, path, written), path)
    named = written.get("name") if isinstance(written, dict) else None
    if isinstance(named, str) and written.get("target") is not None:
        target = {named: written["target"]}
        draft.put(("budget", "target"), target, (*path, "target"))
        draft.note(("budget",), (*path, "target"), "metric.target", f"budget.target {flow(target)}")


def metrics(draft: Draft, written: Json) -> None:
    """Several objectives, as schedulers beside W&B's own have them."""
    path: KeyPath = ("metrics",)
    ours = (
        [_our_part(draft, (*path, i), each) for i, each in enumerate(written)] if isinstance(written, list) else written
    )
    draft.put(path, ours, path)


def _our_part(draft: Draft, path: KeyPath, written: Json) -> Json:
    """A metric without what only W&B's search has."""
    if not isinstance(written, dict):
        return written
    for key in sorted(written.keys() & _LEFT_OUT_OF_A_METRIC.keys()):
        draft.note((), (*path, key), f"{path[0]}.{key}", "left out", _LEFT_OUT_OF_A_METRIC[key])
    return {key: value for key, value in written.items() if key not in _LEFT_OUT_OF_A_METRIC and key != "target"}


def metrics_from(draft: Draft) -> None:
    """A program that W&B's agent could start reports with wandb.log, or the agent would know nothing of it."""
    origin = next((key for key in ("metric", "metrics", "method") if (key,) in draft.source.keys), "program")
    draft.put(("metrics_from",), "wandb", (origin,))
    why = "the log that W&B keeps on disk is read, no account needed; metrics_from: file for sweeprun.report"
    draft.note(("metrics_from",), (origin,), "wandb.log", "metrics_from wandb", why)


def no_metric(draft: Draft) -> None:
    """W&B runs a grid or a random search without one; here one decides which trial is best."""
    origin: KeyPath = ("metric",) if ("metric",) in draft.source.keys else ("method",)
    message = "there is no metric: W&B searches without one, sweeprun has to know which trial is best"
    hint = "--set metric=val_loss, or --set metric='{name: val_acc, goal: maximize}'"
    draft.refuse(("metric",), origin, message, hint)


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


def early_terminate(draft: Draft, written: Json) -> None:
    """W&B's hyperband is asha here: all runs are in one bracket, and who is not among the best at a rung is stopped."""
    origin: KeyPath = ("early_terminate",)
    options = written if isinstance(written, dict) else {}
    rungs = _rungs(options) if options.get("type") == "hyperband" else None
    if rungs is None:
        message = f"early_terminate must be hyperband with min_iter, or with max_iter and s, not {flow(written)}"
        draft.refuse(("pruner",), origin, message, "--set pruner=none runs every trial to its end")
        return
    pruner = {"name": "asha", "mode": "stop", **rungs, "compare": "value"}
    draft.put(("pruner",), pruner, origin)
    draft.note(("pruner",), origin, f"early_terminate {flow(written)}", f"pruner {flow(pruner)}", _JUDGED)


def _rungs(options: dict[str, Json]) -> dict[str, Json] | None:
    """Where W&B judges, in the words of asha; None where that is not said. No trial comes to the last rung: with W&B
    those that are good end by themselves."""
    match {"eta": _ETA, **options}:
        case {"max_iter": int(most), "s": int(s), "eta": int(eta)} if most < ENDLESS and s >= 1 and eta >= 2:
            found = sorted({most // eta**k for k in range(1, min(s, most.bit_length()) + 1)} - {0})
            return {"rungs": [*found, ENDLESS], "eta": eta} if found else None
        case {"min_iter": int(first), "eta": int(eta)} if 1 <= first < ENDLESS and eta >= 2:
            return None if "max_iter" in options else {"min": first, "max": ENDLESS, "eta": eta}
    return None
