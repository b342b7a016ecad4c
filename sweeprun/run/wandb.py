"""What a program that uses W&B finds when it starts: `wandb.config`, and a place for its log. It needs no account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sweeprun.store import runs
from sweeprun.store.layout import RunFiles
from sweeprun.trials import Json, Params

CONFIG = "WANDB_SWEEP_PARAM_PATH"  # by which W&B's own agent hands the parameters over
_OFFLINE = {"WANDB_MODE": "offline"}
_FLUSH_S = "1"  # how late the log may be, where wandb lets that be said; its own value is 15


def hand_over(
    files: RunFiles, declared: Mapping[str, Any], params: Params, environment: Mapping[str, str]
) -> dict[str, str]:
    """`environment` with what wandb.init looks for; writes the file with the parameters. What the environment says of
    the mode holds, so that runs may be online."""
    values = grouped(declared, params)
    runs.write_json(files.wandb_config, {name: {"value": value} for name, value in values.items()})
    given = {
        "WANDB_DIR": str(files.directory),
        "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": _FLUSH_S,
        CONFIG: str(files.wandb_config),
    }
    return _OFFLINE | dict(environment) | given


def grouped(declared: Mapping[str, Any], params: Params) -> Params:
    """The parameters with each group as a mapping, which is how wandb.config has them; others by their names."""
    names = {name: path for name, path in _paths(declared, "", ()) if name in params}
    found: Params = {}
    for name, value in params.items():
        *groups, key = names.get(name, (name,))
        inner: dict[str, Json] = found
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[key] = value
    return found


def _paths(declared: Mapping[str, Any], prefix: str, groups: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The full name of each parameter, and the keys that lead to it."""
    for key, entry in declared.items():
        if "parameters" in entry:
            yield from _paths(entry["parameters"], f"{prefix}{key}.", (*groups, key))
        else:
            yield prefix + key, (*groups, key)
