"""`warm_start` of a sweep file: configurations to run first, and earlier sweeps."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from sweeprun.errors import SpaceError
from sweeprun.space import NotAllowedError, Space, filled, identity
from sweeprun.spec.entries import ParameterEntry
from sweeprun.spec.fields import AnyJson, Language, Name, Natural, Text
from sweeprun.spec.parameters import MisdeclaredError, entry_of
from sweeprun.spec.words import shown
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.trials import Json


class WarmStart(Language):
    """What is known before the first trial."""

    first: tuple[dict[Name, AnyJson], ...] = Field(
        default=(), description="Configurations, whole or in part, to run first."
    )
    from_: tuple[Text, ...] = Field(
        default=(), alias="from", description="Earlier sweeps whose results inform the search."
    )
    top: Natural = Field(default=0, description="Their best so many are run again here.")

    @model_validator(mode="before")
    @classmethod
    def _from_nothing(cls, given: Json) -> Json:
        return {} if given is None else given

    @model_validator(mode="after")
    def _has_sweeps(self) -> Self:
        if self.top and not self.from_:
            raise ValueError("must say in `from` which sweeps the top trials are those of")
        if len(set(self.from_)) < len(self.from_):
            raise ValueError("must not name a sweep twice in `from`")
        return self


def check_first(warm_start: WarmStart, space: Space, parameters: dict[str, ParameterEntry]) -> None:
    """Raises MisdeclaredError where a configuration is listed twice, or is none of the `space` of the `parameters`."""
    seen: dict[str, int] = {}
    for i, given in enumerate(warm_start.first):
        path = ("warm_start", "first", i)
        before = seen.setdefault(identity(given), i)
        if before < i:
            raise MisdeclaredError(path, f"warm_start.first.{before} is the same configuration")
        _check_inside(path, given, space, parameters)


def _check_inside(path: KeyPath, given: dict[str, Json], space: Space, parameters: dict[str, ParameterEntry]) -> None:
    try:
        filled(space, given, np.random.default_rng(0))
    except NotAllowedError as error:
        entry = entry_of(parameters, error.name)
        hint = None if entry is None else f"{error.name} is {shown(entry.model_dump(mode='json'))}"
        raise MisdeclaredError((*path, error.name), error.message, hint) from None
    except SpaceError as error:
        unknown = [name for name in given if name not in space.names]
        raise MisdeclaredError((*path, *unknown[:1]), error.message, error.hint) from None
