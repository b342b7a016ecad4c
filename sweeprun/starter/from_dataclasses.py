"""Arguments that HfArgumentParser, tyro and their like make of the fields of dataclasses."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sweeprun.starter.arguments import Argument, Declaration
from sweeprun.starter.source import Source, Unknown, Value

_PARSERS = frozenset({"HfArgumentParser", "tyro", "simple_parsing", "pyrallis", "draccus"})
_TRAINING_ARGUMENTS = (  # of transformers, with the defaults that it documents
    Argument("--learning_rate", type="float", default=5e-5),
    Argument("--weight_decay", type="float", default=0.0),
    Argument("--per_device_train_batch_size", type="int", default=8),
    Argument("--warmup_ratio", type="float", default=0.0),
    Argument("--num_train_epochs", type="float", default=3.0),
    Argument("--max_grad_norm", type="float", default=1.0),
    Argument("--label_smoothing_factor", type="float", default=0.0),
    Argument("--output_dir", type="str", default="trainer_output"),
    Argument("--seed", type="int", default=42),
)


def arguments(source: Source) -> Iterator[Argument]:
    """What one file's dataclasses declare, where it imports something that reads them."""
    if not any(_PARSERS & set(name.split(".")) for name in source.imports()):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(each) for each in node.decorator_list):
            yield from _fields(node, source)
        elif isinstance(node, ast.Call) and _takes_training_arguments(node):
            yield from _TRAINING_ARGUMENTS


def _takes_training_arguments(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("HfArgumentParser") and "TrainingArguments" in ast.unparse(call)


def _fields(node: ast.ClassDef, source: Source) -> Iterator[Argument]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotation = ast.unparse(statement.annotation).removeprefix("Optional[").removesuffix("]")
            kind = annotation.split("|")[0].strip()
            yield Argument(
                f"--{statement.target.id}",
                statement.lineno,
                type="yes or no" if kind == "bool" else kind,  # they read `false` as such
                default=_default(statement.value, source),
                several=kind.lower().startswith(("list", "tuple", "dict", "sequence")),
                required=statement.value is None,
            )


def _default(node: ast.expr | None, source: Source) -> Value:
    if isinstance(node, ast.Call):
        field = Declaration(node, source)
        return Unknown(ast.unparse(node)) if field.node("default") is None else field.value("default")
    return None if node is None else source.value(node)
