"""Scripts whose arguments are declared in ways that are not read: which way it is, and what to write instead."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from sweeprun.errors import UsageError
from sweeprun.starter.source import Source

_EXAMPLE = "sweeprun init writes an example to change"
_NAMES = "its parameters by name, as options of the command line are called"

_HINTS = {
    "hydra": f"{_EXAMPLE}: write args: hydra there, and the names as Hydra has them: optimizer.lr",
    "omegaconf": f"{_EXAMPLE}: write args: hydra there, and the names as OmegaConf has them: optimizer.lr",
    "typer": f"{_EXAMPLE}: write {_NAMES} (--batch-size for batch_size), and args: flags for switches",
    "tyro": f"{_EXAMPLE}: write {_NAMES} (--batch-size for batch_size)",
    "fire": f"{_EXAMPLE}: write {_NAMES}",
    "absl": f"{_EXAMPLE}: write the names of its flags, and args: flags for switches",
    "jsonargparse": f"{_EXAMPLE}: write {_NAMES}: --model.lr",
    "lightning.pytorch.cli": f"{_EXAMPLE}: write the names of LightningCLI: model.lr, trainer.max_epochs",
    "docopt": f"{_EXAMPLE}: write {_NAMES}",
    "transformers": "HfArgumentParser takes --learning_rate, --weight_decay, --warmup_ratio of TrainingArguments: "
    f"{_EXAMPLE}",
}


def nothing_found(files: Sequence[Source]) -> UsageError:
    """The error for a script in which no argument was found: what was seen, and what to do."""
    script = files[0].name
    imported = {name for source in files for name in source.imports()}
    seen = next((kind for kind in _HINTS if any(_is_in(name, kind) for name in imported)), None)
    if seen is not None:
        return UsageError(f"{script}: its arguments are declared with {seen}, which is not read", _HINTS[seen])
    if any(_reads_argv(source.tree) for source in files):
        message = f"{script}: it reads sys.argv itself; what its arguments are called cannot be told"
        return UsageError(message, f"{_EXAMPLE}: write {_NAMES}, or args: none and read the file $SWEEPRUN_PARAMS")
    constants = [f"{name} = {known!r}" for name, known in files[0].constants.items() if type(known) in (int, float)]
    seen_constants = f"; values such as {', '.join(constants[:3])} stand in it" if constants else ""
    return UsageError(
        f"{script}: it takes no arguments{seen_constants}",
        'give it some, as in parser.add_argument("--lr", type=float, default=1e-3), or read them with'
        " sweeprun.params(lr=1e-3); then once more",
    )


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _reads_argv(tree: ast.AST) -> bool:
    return any(ast.unparse(node) == "sys.argv" for node in ast.walk(tree) if isinstance(node, ast.Attribute))
