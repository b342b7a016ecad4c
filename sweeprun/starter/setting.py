"""What a script trains and with which optimizers, as far as its text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sweeprun.starter.arguments import Argument
from sweeprun.starter.source import Source

SGD = frozenset({"sgd", "momentum", "asgd"})
ADAM = frozenset({"adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "lamb", "fusedadam"})
OTHER = frozenset({"adadelta", "adagrad", "lbfgs", "rprop", "lion", "adafactor", "lars", "muon", "sophia"})
_KNOWN = SGD - {"momentum"} | ADAM | OTHER
_REINFORCEMENT = frozenset({"gym", "gymnasium", "stable_baselines3", "dm_control", "pettingzoo"})
_PRETRAINED = frozenset({"from_pretrained", "load_pretrained"})


@dataclass(frozen=True)
class Setting:
    """`optimizers` in lower case, sorted; `finetunes`: pretrained weights; `attends`: a transformer of `heads`."""

    optimizers: tuple[str, ...] = ()
    finetunes: bool = False
    attends: bool = False
    reinforcement: bool = False
    heads: int = 1

    @classmethod
    def of(cls, files: Sequence[Source], arguments: Sequence[Argument]) -> Setting:
        """What the text of a script and its local modules tells."""
        words = {word for source in files for word in _names(source.tree)}
        packages = {name.split(".")[0] for source in files for name in source.imports()}
        named = {word.lower() for word in words} & _KNOWN
        heads = next((each.default for each in arguments if "head" in each.name and type(each.default) is int), 1)
        return cls(
            tuple(sorted(_chosen(arguments) or named)),
            finetunes=bool(words & _PRETRAINED),
            attends=any("Transformer" in word or "Attention" in word for word in words),
            reinforcement=bool(packages & _REINFORCEMENT),
            heads=max(1, heads),
        )


def _chosen(arguments: Iterable[Argument]) -> set[str]:
    """The optimizers that an argument lets one choose from."""
    return {
        choice.lower()
        for argument in arguments
        for choice in argument.choices
        if isinstance(choice, str) and choice.lower() in _KNOWN
    }


def _names(tree: ast.AST) -> Iterator[str]:
    """The names that code uses, and the short texts that it may choose by."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str() as text) if len(text) < 12:
                yield text
