"""A Python file as text: its syntax tree, the values that can be told without running it, what it imports."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sweeprun.errors import UsageError
from sweeprun.trials import Json

MAX_MODULES = 100  # local modules that are followed

ModuleName = tuple[str, ...]  # of a local module, from the script's directory
Texts = Callable[[ModuleName], str | None]


@dataclass(frozen=True)
class Unknown:
    """A value that only running the script would tell; `text` is how it is written there."""

    text: str


Value = Json | Unknown


@dataclass(frozen=True)
class Source:
    """One file. `constants` are what its names stand for where that is a plain value: `LR`, `Config.lr`."""

    name: str
    module: ModuleName
    tree: ast.Module
    constants: Mapping[str, Value]

    @classmethod
    def parse(cls, text: str, name: str, module: ModuleName = ()) -> Source:
        """Raises UsageError with file and line for what is no Python 3."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the script's author writes is not our reader's business
                tree = ast.parse(text)
        except SyntaxError as error:
            raise UsageError(f"{name}:{error.lineno or 1}: this is no Python 3: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise UsageError(f"{name}:1: this cannot be read as Python: {error}") from None
        return cls(name, module, tree, _constants(tree))

    def value(self, node: ast.expr) -> Value:
        """What an expression is, as far as it can be told."""
        return value(node, self.constants)

    def imports(self) -> Iterator[str]:
        """The dotted names of what it imports, relative ones left out."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def local_modules(self) -> Iterator[ModuleName]:
        """Every local module that an import may mean; there need not be a file for it."""
        package = self.module[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (tuple(alias.name.split(".")) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                named = (*base, *(node.module.split(".") if node.module else ()))
                yield named
                yield from ((*named, alias.name) for alias in node.names)


def sources(text: str, name: str, texts: Texts) -> tuple[Source, ...]:
    """A script and the local modules that it imports, however indirectly; the script comes first.

    `texts` has the text of a local module, None where there is none. What a module does only when it is run itself is
    left out.
    """
    script = Source.parse(text, name)
    found, waiting = [script], [script]
    seen: set[ModuleName] = set()
    while waiting and len(found) <= MAX_MODULES:
        for module in waiting.pop(0).local_modules():
            if module in seen or not (inner := texts(module) if module else None):
                continue
            seen.add(module)
            source = _without_main(Source.parse(inner, "/".join(module) + ".py", module))
            found.append(source)
            waiting.append(source)
    imported = {key: known for source in reversed(found) for key, known in _as_imported(source).items()}
    return tuple(replace(each, constants={**imported, **each.constants}) for each in found)


def value(node: ast.expr, constants: Mapping[str, Value]) -> Value:
    """What an expression is, as far as it can be told from `constants`."""
    match node:
        case ast.Constant(value=None | bool() | int() | float() | str() as plain):
            return plain
        case ast.Name() | ast.Attribute():
            return constants.get(ast.unparse(node), Unknown(ast.unparse(node)))
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return _all_known([value(element, constants) for element in elements], node)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {key.value: value(inner, constants) for key, inner in pairs if isinstance(key, ast.Constant)}
        case ast.UnaryOp(op=ast.USub()):
            return _computed(node, operator.neg, [value(node.operand, constants)])
        case ast.BinOp() if type(node.op) in _OPERATORS:
            sides = [value(node.left, constants), value(node.right, constants)]
            return _computed(node, _OPERATORS[type(node.op)], sides)
        case ast.Call(func=ast.Name(id="list" | "tuple" | "sorted" | "set"), args=[inner]):
            known = value(inner, constants)
            return list(known) if isinstance(known, list | dict) else Unknown(ast.unparse(node))
        case ast.Call(func=ast.Attribute(value=inner, attr="keys"), args=[]):
            known = value(inner, constants)
            return list(known) if isinstance(known, dict) else Unknown(ast.unparse(node))
        case ast.Call(func=ast.Name(id="Path" | "str"), args=[inner]):
            return value(inner, constants)
    return Unknown(ast.unparse(node))


def _power(base: float, exponent: float) -> Any:
    if abs(exponent) > 64 or abs(base) > 1e6:
        raise OverflowError("nobody's default")
    return base**exponent


_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: _power,
}


def _computed(node: ast.expr, operation: Callable[..., Any], operands: list[Value]) -> Value:
    if not all(isinstance(operand, int | float) for operand in operands):
        return Unknown(ast.unparse(node))
    try:
        result = operation(*operands)
    except ArithmeticError:
        return Unknown(ast.unparse(node))
    return result if isinstance(result, int | float) else Unknown(ast.unparse(node))


def _all_known(values: list[Value], node: ast.expr) -> Value:
    return Unknown(ast.unparse(node)) if any(isinstance(each, Unknown) for each in values) else values


def _constants(tree: ast.Module) -> dict[str, Value]:
    """Names at the top of the module and of its classes that are assigned a plain value, the last one counting."""
    found: dict[str, Value] = {}
    bodies = [("", tree.body)] + [(f"{each.name}.", each.body) for each in tree.body if isinstance(each, ast.ClassDef)]
    for prefix, body in bodies:
        for statement in body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=node):
                    found[prefix + name] = value(node, found)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                    found[prefix + name] = value(node, found)
    return {name: known for name, known in found.items() if not isinstance(known, Unknown)}


def _as_imported(source: Source) -> dict[str, Value]:
    """Its constants under the names that importers have for them."""
    if not source.module:
        return {}
    return {key: known for name, known in source.constants.items() for key in (name, f"{source.module[-1]}.{name}")}


def _without_main(source: Source) -> Source:
    body = [statement for statement in source.tree.body if not _only_when_run(statement)]
    return Source(source.name, source.module, ast.Module(body, []), source.constants)


def _only_when_run(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return statement.name == "main"
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
