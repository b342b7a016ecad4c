"""Annotations are checked at run time in every test; and what tests of several packages build their histories from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import settings
from typeguard import TypeCheckError, TypeCheckMemo, checker_lookup_functions, install_import_hook


def _is_instance(value: Any, origin: Any, args: tuple[Any, ...], memo: TypeCheckMemo) -> None:
    if not isinstance(value, origin):
        raise TypeCheckError(f"is not an instance of {origin.__qualname__}")


def _of_named_tuples(origin: Any, args: tuple[Any, ...], extras: tuple[Any, ...]) -> Any:
    """As dataclasses are checked: by their class. To look into each field of each trial takes ten times as long."""
    return _is_instance if isinstance(origin, type) and hasattr(origin, "_fields") else None


checker_lookup_functions.insert(0, _of_named_tuples)
install_import_hook("sweeprun")
settings.register_profile("unhurried", deadline=None)  # another test may have the core
settings.load_profile("unhurried")

from sweeprun.history import History  # noqa: E402  after the hook, which sees later imports only
from sweeprun.objective import Goal, Objective  # noqa: E402
from sweeprun.space import ALWAYS, Choice, FloatParameter, Space  # noqa: E402
from sweeprun.trials import Curve, Trial, TrialState  # noqa: E402


def build_trial(
    number: int,
    values: Sequence[float] = (),
    state: TrialState = TrialState.COMPLETE,
    steps: Sequence[int] | None = None,
    metric: str = "loss",
    **rest: Any,
) -> Trial:
    """A trial that reported `values` of `metric` at `steps` (1, 2 ... by default)."""
    steps = tuple(steps or range(1, len(values) + 1))
    curve = Curve(steps, {metric: tuple(map(float, values))}) if steps else Curve()
    rest.setdefault("values", {metric: float(values[-1])} if values else {})
    return Trial(number, f"uid{number}", state, curve=curve, last_step=steps[-1] if steps else 0, **rest)


def build_history(trials: Sequence[Trial] = (), goal: Goal = "minimize", space: Space | None = None) -> History:
    """A sweep that optimises `loss`; where the space does not matter it is one float."""
    space = space or Space([Choice("x", ALWAYS, FloatParameter("x", 0.0, 1.0))])
    return History(space, [Objective("loss", goal)], trials)


@pytest.fixture(scope="session")
def make_trial() -> Callable[..., Trial]:
    return build_trial


@pytest.fixture(scope="session")
def make_history() -> Callable[..., History]:
    return build_history
