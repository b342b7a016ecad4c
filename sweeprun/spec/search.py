"""What is searched, for what and how: the part of a sweep file that stands without a program and a directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, ValidationError, model_validator

from sweeprun.objective import Goal, Objective
from sweeprun.space import Space
from sweeprun.spec.entries import ParameterEntry
from sweeprun.spec.faults import explained, located
from sweeprun.spec.fields import AnyJson, Count, Language, Name, Natural, Number, Text, one_of
from sweeprun.spec.parameters import MisdeclaredError, build_space
from sweeprun.spec.sections import Named
from sweeprun.spec.yaml12 import Document
from sweeprun.trials import Json


class Wanted(Language):
    """What is wanted of a metric."""

    shorthand: ClassVar[str] = "goal"

    goal: Annotated[Goal, *one_of("minimize", "maximize")] = "minimize"
    limit: Number | None = None


def _some(metrics: dict[str, Wanted]) -> dict[str, Wanted]:
    if not metrics:
        raise ValueError('must name one that you tell, for example {"loss": "minimize"}')
    return metrics


class Search(Language):
    """Validated as the same keys of a sweep file are; `metrics` is a mapping here, or the name of the only one."""

    parameters: dict[Name, ParameterEntry]
    linked: dict[Name, tuple[dict[Name, AnyJson], ...]]
    constraints: tuple[Text, ...]
    metrics: Annotated[dict[Name, Wanted], AfterValidator(_some)]
    algorithm: Named
    pruner: Named
    budget: Count | None
    seed: Natural

    @classmethod
    def of(cls, given: Mapping[str, Json]) -> tuple[Self, Space]:
        """With its space. Raises SweepFileError with the key path."""
        nowhere = Document("", None, {}, {})
        try:
            search = cls.model_validate(given)
            return search, build_space(search.parameters, search.linked, search.constraints)
        except ValidationError as error:
            raise explained(error, nowhere, cls) from None
        except MisdeclaredError as error:
            raise located(error, nowhere) from None

    @model_validator(mode="before")
    @classmethod
    def _with_metrics(cls, given: dict[str, Json]) -> dict[str, Json]:
        metrics = given["metrics"]
        return {**given, "metrics": {metrics: {}} if isinstance(metrics, str) else metrics}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The metrics in their order."""
        return tuple(Objective(name, wanted.goal, wanted.limit) for name, wanted in self.metrics.items())
