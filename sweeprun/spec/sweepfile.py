"""The sweep file: everything a user may write, validated; what a sweep is made from."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PlainValidator, PrivateAttr, ValidationError, WithJsonSchema, model_validator

from sweeprun.errors import NotSupportedYet, SweepFileError, near
from sweeprun.objective import Objective
from sweeprun.space import Space
from sweeprun.spec import yaml12
from sweeprun.spec.command import Arguments, Command, Environment
from sweeprun.spec.entries import ParameterEntry, mixed_lists
from sweeprun.spec.faults import explained, located, not_supported
from sweeprun.spec.fields import AnyJson, Language, Later, Name, Natural, Text, one_of
from sweeprun.spec.keys import later_keys
from sweeprun.spec.metrics import Metric, MetricsFrom, Step, named_groups
from sweeprun.spec.overrides import override
from sweeprun.spec.parameters import MisdeclaredError, build_space
from sweeprun.spec.sections import (
    Budget,
    Checkpoints,
    Lint,
    Named,
    Phase,
    Preload,
    Repeats,
    Resources,
    Retry,
    Stop,
    Store,
    Validation,
)
from sweeprun.spec.wandb.draft import Translation
from sweeprun.spec.wandb.translation import recognised, translate
from sweeprun.spec.warm_start import WarmStart, check_first
from sweeprun.spec.words import shown, with_hint
from sweeprun.trials import Json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_Row = Annotated[dict[Name, AnyJson], Field(json_schema_extra={"minProperties": 1})]
_Rows = Annotated[tuple[_Row, ...], Field(json_schema_extra={"minItems": 1})]


def _sweep_name(value: Json) -> str:
    dashed = re.sub(r"\s+", "-", value.strip()) if isinstance(value, str) else ""
    if not _NAME.fullmatch(dashed) or dashed in (".", ".."):
        raise ValueError(
            "must be 1 to 100 letters, digits, dots, dashes or underscores, and begin with a letter or a digit,"
            f" not {shown(value)}"
        )
    return dashed


class SweepFile(Language):
    """A validated sweep file, every default filled in. `SweepFile.model_validate(file.resolved())` gives it again."""

    version: Annotated[int, *one_of(1)] = Field(default=1, description="Of this language.")
    name: Annotated[str, PlainValidator(_sweep_name), WithJsonSchema({"type": "string", "minLength": 1})] = Field(
        description="The sweep's name; default: the file's stem."
    )
    description: str = Field(default="", description="Free text.")
    root: Text | None = Field(
        default=None, description="Where sweep directories live, relative to the current directory."
    )
    command: Command = Field(
        description="The program: a list, or one string split like a shell does; never run by a shell."
    )
    args: Arguments = Field(default="equals", description="How ${args} is written; file: as the path of a JSON file.")
    env: Environment = Field(default={}, description="Environment variables of the trials.")
    workdir: Text = Field(default=".", description="Where trials run, relative to the sweep file.")
    step: Step | None = Field(default=None, description="The key in the metric lines that counts progress.")
    metrics_from: MetricsFrom = Field(default="file", description="Where metrics are read.")
    on_nonfinite: Annotated[str, *one_of("fail", "prune", "ignore")] = Field(
        default="fail", description="What NaN means."
    )
    metric: Metric | None = Field(default=None, description="The objective, where there is one.")
    metrics: tuple[Metric, ...] = Field(
        default=(),
        description="Objectives, two or more for a Pareto front, and derived metrics. The first one counts wherever"
        " one has to: for pruners, and for the step that gives a trial its values.",
    )
    reduce: Annotated[str, *one_of("best", "last")] = Field(
        default="best", description="Which step gives the values: that at which the first metric is best, or the last."
    )
    parameters: dict[Name, ParameterEntry] = Field(default={}, description="What is searched.")
    linked: dict[Name, _Rows] = Field(default={}, description="Values that move together, in rows.")
    constraints: tuple[Text, ...] = Field(default=(), description="Expressions that every configuration satisfies.")
    algorithm: Named = Field(default=Named(name="auto"), description="How configurations are chosen.")
    pruner: Named = Field(default=Named(name="none"), description="Which trials are ended early.")
    resumes: Annotated[Json, *one_of("auto", True, False)] = Field(
        default="auto",
        description="Does the program continue from its checkpoint? auto: it shows; false: asha stops trials instead of"
        " pausing them.",
    )
    fidelity: dict[Name, Annotated[tuple[AnyJson, ...], Field(json_schema_extra={"minItems": 2})]] | None = Field(
        default=None,
        description="A parameter that is raised from rung to rung, and its values: a trial begins again with the next"
        " one instead of going on for more steps. With pruner asha or hyperband.",
    )
    seed: Natural = Field(default=0, description="Of everything random in the sweep.")
    budget: Budget = Field(default=Budget(), description="When the sweep ends.")
    resources: Resources = Field(default=Resources(), description="What a trial needs.")
    repeats: Annotated[Repeats | None, Later()] = Field(default=None, description="Several seeds per configuration.")
    validation: Annotated[Validation | None, Later()] = Field(
        default=None, alias="validate", description="Run the best again."
    )
    phases: Annotated[tuple[Phase, ...], Later()] = Field(default=(), description="Shares of the budget.")
    retry: Retry = Field(default=Retry(), description="Which failures are tried again.")
    stop: Stop = Field(default=Stop(), description="How a trial is asked to end.")
    checkpoints: Checkpoints = Field(default=Checkpoints(), description="Which checkpoints are kept.")
    warm_start: WarmStart = Field(default=WarmStart(), description="What is known before.")
    store: Store = Field(default=Store(), description="The sweep directory.")
    executor: Annotated[str, *one_of("local", later=("ray", "slurm")), Later(("local",))] = Field(
        default="local", description="What runs the trials."
    )
    preload: Preload = Field(
        default="auto",
        description="Modules that are imported once for all trials, Python scripts that are forked from there; auto:"
        " those that the first trials import; none: each trial is a program of its own.",
    )
    lint: Annotated[Lint | None, Later()] = Field(default=None, description="What check does not warn about.")

    _notes: tuple[str, ...] = PrivateAttr(())
    _source: bytes = PrivateAttr(b"")
    _document: yaml12.Document = PrivateAttr(yaml12.Document("", None, {}, {}))
    _translation: Translation | None = PrivateAttr(None)

    @classmethod
    def load(cls, path: Path, overrides: Sequence[str] = ()) -> SweepFile:
        """Raises SweepFileError with file, line and column. `overrides` are `key.path=value`, later ones win."""
        try:
            source = path.read_bytes()
        except OSError as error:
            hint = "sweeprun init writes a first one" if isinstance(error, FileNotFoundError) else None
            raise SweepFileError(f"cannot be read: {error.strerror}", str(path), hint=hint) from None
        if path.suffix == ".py":
            hint = f"propose one for it: sweeprun init --from-argparse {shlex.quote(str(path))}"
            raise SweepFileError("a script is no sweep file", str(path), hint=hint)
        return cls.parse(source, path, overrides)

    @classmethod
    def parse(cls, source: str | bytes, file: Path, overrides: Sequence[str] = ()) -> SweepFile:
        """The same from text; `file` gives messages their place, the default name and what `workdir` is relative to."""
        document = yaml12.load(source, str(file))
        if not isinstance(document.value, dict):
            raise SweepFileError("a sweep file is a mapping: command, metric, parameters ...", str(file), 1, 1)
        translation = cls._translated(document, file.parent)
        document = translation.document if translation else document
        for text in overrides:
            document = override(document, text, cls)
        if translation is not None:
            translation.check(document)
        sweep = cls._validated(document, file)
        sweep._translation = translation
        sweep._source = source if isinstance(source, bytes) else source.encode()
        return sweep

    @classmethod
    def _translated(cls, document: yaml12.Document, directory: Path) -> Translation | None:
        ours = {field.alias or name for name, field in cls.model_fields.items()}
        return translate(document, directory) if recognised(document.value, ours) else None

    @classmethod
    def _validated(cls, document: yaml12.Document, file: Path) -> SweepFile:
        written = {"name": file.stem, **document.value}
        try:
            sweep = cls.model_validate(written)
        except ValidationError as error:
            raise explained(error, document, cls) from None
        try:
            check_first(sweep.warm_start, sweep.space, sweep.parameters)  # an impossible space, too, is an error here
        except MisdeclaredError as error:
            raise located(error, document) from None
        absolute = sweep.model_copy(update={"workdir": os.path.abspath(file.parent / sweep.workdir)})
        absolute._notes = tuple(_notes(sweep, str(written["name"])))
        absolute._document = document
        return absolute

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.metric is not None and self.metrics:
            raise ValueError("must have metric or metrics, not both")
        if not self.objectives:
            raise ValueError("must have a metric to go by, for example metric: val_loss; a derived one needs its goal")
        names = [metric.name for metric in self._all_metrics]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"must not have two metrics {twice!r}")
        groups = named_groups(self.metrics_from)
        for name in [metric.name for metric in self._all_metrics if metric.expr is None]:
            if groups is not None and name not in groups:
                why = "" if name.isidentifier() else "; groups are named by letters, digits and _: name the metric so"
                raise ValueError(f"must have a group for its metric in metrics_from.regex: (?P<{name}>...){why}")
        if self.args == "none" and "${args}" in self.command:
            raise ValueError("must not have ${args} in its command where args is none")
        self._check_fidelity()
        counting = [objective.name for objective in self.objectives]
        for name in self.budget.target:
            if name not in counting:
                message = f"must not have a budget.target for {name!r}, which is no metric that counts"
                raise ValueError(with_hint(message, near(name, counting)))
        return self

    def _check_fidelity(self) -> None:
        if self.fidelity is None:
            return
        example = "for example fidelity: {data_fraction: [0.1, 0.3, 1.0]}"
        if len(self.fidelity) != 1:
            raise ValueError(f"must have one parameter as fidelity, {example}")
        [(name, levels)] = self.fidelity.items()
        if len(levels) < 2:
            raise ValueError(f"must have two values of fidelity.{name} or more, {example}")
        if name in self.parameters:
            raise ValueError(f"must not have {name!r} in parameters too: fidelity says its values")
        if self.pruner.name not in ("asha", "hyperband"):
            raise ValueError(f"must have pruner asha or hyperband, not {self.pruner.name}, to raise fidelity.{name}")

    @property
    def _all_metrics(self) -> tuple[Metric, ...]:
        return self.metrics if self.metric is None else (self.metric,)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The metrics that have a goal, as those that are reported all do."""
        return tuple(Objective(m.name, m.goal, m.limit) for m in self._all_metrics if m.goal is not None)

    @property
    def derived(self) -> tuple[Metric, ...]:
        """The metrics that are computed from others."""
        return tuple(metric for metric in self._all_metrics if metric.expr is not None)

    @cached_property
    def space(self) -> Space:
        return build_space(self.parameters, self.linked, self.constraints)

    def placed(self, error: SweepFileError, *path: str | int) -> SweepFileError:
        """`error` at the place of a key, for those who find it later."""
        return located(MisdeclaredError(path, error.message, error.hint), self._document)

    @property
    def named(self) -> bool:
        """Whether the file says its name; else it is the file's stem."""
        return "name" in (self._document.value or {})

    @property
    def directory(self) -> Path:
        """Where the file lies: what paths in it are relative to."""
        return Path(self._document.file).parent

    @property
    def source(self) -> bytes:
        """The file as it was written."""
        return self._source

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know and nothing is wrong with, a sentence each."""
        return (*map(str, self._translation.notes if self._translation else ()), *self._notes)

    @property
    def translation(self) -> Translation | None:
        """What became of a W&B sweep file's keys, where it was one."""
        return self._translation

    def resolved(self) -> dict[str, Json]:
        """Everything, defaults included, as strict JSON."""
        return self.model_dump(mode="json", by_alias=True)


def _notes(sweep: SweepFile, written_name: str) -> Iterator[str]:
    if written_name != sweep.name:
        yield f"the name {written_name!r} is written {sweep.name!r}"
    if sweep.args != "none" and "${args}" not in sweep.command:
        yield (
            "the command has no ${args}: the program gets its parameters through SWEEPRUN_PARAMS alone"
            " (say args: none if that is meant)"
        )
    for path in mixed_lists(sweep.parameters):
        yield f"{path} mixes numbers with texts that look like numbers; unquote them, or quote all"


def unsupported(sweep: SweepFile) -> tuple[NotSupportedYet, ...]:
    """An error for every key that the user set and whose machinery is not built yet; `start` refuses the first."""
    return tuple(not_supported(path, sweep._document) for path in later_keys(sweep))
