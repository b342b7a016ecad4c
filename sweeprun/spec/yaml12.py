"""YAML 1.2 (core schema) read from untrusted text: plain values and where each of them stands.

PyYAML's parser gives the events; which scalar is a number, what a mapping may hold and how far aliases may expand is
decided here, because PyYAML follows YAML 1.1: there `1e-5` is a string, `on` is true and `010` is 8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import yaml

from sweeprun.errors import SweepFileError
from sweeprun.trials import Json

MAX_BYTES = 2**20
MAX_NODES = 20_000  # aliases expanded
MAX_DEPTH = 50
MAX_INTEGER = 2**63

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]  # line and column, from 1

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"|~|null|Null|NULL")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
_HASH_LIKE = re.compile(r"[0-9]{2,}[eE][0-9]{3,}")


@dataclass(frozen=True)
class Document:
    """What `file` says. `values` and `keys` tell where each value and each key stands, `overrides` which values do
    not come from the file but from the command line, and from which words there."""

    file: str
    value: Json
    values: dict[KeyPath, Position]
    keys: dict[KeyPath, Position]
    overrides: Mapping[KeyPath, str] = field(default_factory=dict)

    def position(self, path: KeyPath) -> Position:
        """Where `path`, or the innermost part of it that the file has, stands; (0, 0) where nothing was a file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return (0, 0)

    def override_of(self, path: KeyPath) -> str | None:
        """The words of the command line that `path`, what it is part of, or a part of it comes from."""
        touching = (origin for at, origin in self.overrides.items() if path[: len(at)] == at[: len(path)])
        return next(touching, None) if path else None


@dataclass
class _Node:
    """A scalar's value, a list's or a mapping's nodes, before aliases are expanded. `size` counts them expanded."""

    position: Position
    value: Json = None
    items: list[_Node] | None = None
    entries: dict[str, _Node] | None = None
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1
    depth: int = 1


def load(source: str | bytes, file: str) -> Document:
    """Raises SweepFileError, with line and column, for whatever is not one bounded YAML 1.2 document."""
    return _Reader(file).read(_text(source, file))


def load_value(text: str, file: str) -> Json:
    """One value, as `--set key=value` has it."""
    return load(text, file).value


def _text(source: str | bytes, file: str) -> str:
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(data) > MAX_BYTES:
        raise SweepFileError(f"the file has {len(data)} bytes; at most {MAX_BYTES} are read", file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise SweepFileError("the file is not UTF-8 text", file, line, column) from None


class _Reader:
    """Builds one document's nodes from parser events, without recursion: nesting is the writer's choice."""

    def __init__(self, file: str):
        self.file = file
        self.anchors: dict[str, _Node] = {}
        self.open: list[_Open] = []
        self.root: _Node | None = None

    def read(self, text: str) -> Document:
        n_documents = 0
        for event in self._events(text):
            if isinstance(event, yaml.DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    raise self._error("a second document begins; one file holds one sweep", _start(event))
            self._take(event)
        document = Document(self.file, None, {}, {})
        value = None if self.root is None else _plain(self.root, (), document)
        return replace(document, value=value)

    def _events(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            position = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            raise self._error(_explained(error), position) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            column = error.position - text.rfind("\n", 0, error.position)
            message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
            raise self._error(message, (line, column)) from None
        except ValueError:
            # PyYAML's scanner lets chr() and int() fail on impossible escapes and version numbers.
            raise self._error("an escape or a directive in this file is not valid", (0, 0)) from None

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._add(self._scalar(event), event)
            case yaml.AliasEvent():
                self._add(self._aliased(event), event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._start_collection(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                finished = self.open.pop()
                self._add(finished.node, finished.event)

    def _start_collection(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._check_tag(event, (None, f"{_TAG}map") if is_mapping else (None, f"{_TAG}seq"))
        if self.open and self.open[-1].wants_key:
            raise self._error("a key must be text, not a list or a mapping", _start(event))
        if len(self.open) >= MAX_DEPTH:
            raise self._too_deep(_start(event))
        node = _Node(_start(event), entries={}) if is_mapping else _Node(_start(event), items=[])
        self.open.append(_Open(node, event))

    def _too_deep(self, position: Position) -> SweepFileError:
        return self._error(f"more than {MAX_DEPTH} levels of nesting", position)

    def _aliased(self, event: yaml.AliasEvent) -> _Node:
        node = self.anchors.get(event.anchor or "")
        if node is None:
            raise self._error(f"the alias *{event.anchor} names no finished anchor above it", _start(event))
        return node

    def _add(self, node: _Node, event: yaml.Event) -> None:
        """Puts a finished node where it belongs: into the collection that is open, or at the root."""
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if parent.wants_key:
            self._add_key(parent, node, event)
            return
        parent.add(node)
        if parent.node.size > MAX_NODES:
            raise self._error(f"more than {MAX_NODES} values, with aliases expanded", _start(event))
        if len(self.open) + node.depth > MAX_DEPTH:
            raise self._too_deep(_start(event))

    def _add_key(self, parent: _Open, node: _Node, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style is None:
            raise self._error("merge keys (<<) are not part of YAML 1.2; write the keys out", _start(event))
        # A plain number is a fine key (`{5: 0.15}`): its text is the key, as in JSON.
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        if not isinstance(event, yaml.ScalarEvent) or not (number or isinstance(node.value, str)):
            raise self._error("a key must be text; quote it", _start(event))
        key = event.value
        earlier = parent.node.keys.get(key)
        if earlier is not None:
            line, column = earlier
            raise self._error(f"the key {key!r} stands twice, first at line {line}, column {column}", _start(event))
        parent.node.keys[key] = _start(event)
        parent.key = key

    def _scalar(self, event: yaml.ScalarEvent) -> _Node:
        """The value of a scalar: quoted and block ones are text, plain ones follow the core schema."""
        self._check_tag(event, (None, "!", *(_TAG + kind for kind in ("str", "int", "float", "bool", "null"))))
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            raise self._error("half of a surrogate pair is no character", _start(event))
        text = event.tag in ("!", f"{_TAG}str") or (event.tag is None and event.style is not None)
        value = event.value if text else self._plain_scalar(event)
        if not text and event.tag is not None:
            value = self._cast(value, event)
        return _Node(_start(event), value)

    def _plain_scalar(self, event: yaml.ScalarEvent) -> Json:
        text = event.value
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text.lower() == "true"
        if _INT.fullmatch(text) or _BASED.fullmatch(text):
            return self._integer(event)
        if text.lower() in _SPECIAL:
            return _SPECIAL[text.lower()]
        return self._real(event) if _FLOAT.fullmatch(text) else text

    def _integer(self, event: yaml.ScalarEvent) -> int:
        text = event.value
        # 20 digits are more than 2**63; int() itself is quadratic and refuses above 4300.
        digits = text.lstrip("+-0ox")
        value = MAX_INTEGER if len(digits) > 64 else int(text, 0 if _BASED.fullmatch(text) else 10)
        if not -MAX_INTEGER <= value < MAX_INTEGER:
            raise self._quote_it(event, "an integer of more than 64 bits")
        return value

    def _real(self, event: yaml.ScalarEvent) -> float:
        value, mantissa = float(event.value), re.split("[eE]", event.value)[0]
        if _HASH_LIKE.fullmatch(event.value) or math.isinf(value):
            raise self._quote_it(event, "too large for a number, or a hash that looks like one")
        if value == 0 and mantissa.strip("+-.0"):
            raise self._quote_it(event, "too small for a number, or a hash that looks like one")
        return value

    def _cast(self, value: Json, event: yaml.ScalarEvent) -> Json:
        kind = str(event.tag).removeprefix(_TAG)
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value).__name__ != {"null": "NoneType"}.get(kind, kind):
            raise self._error(f"{event.value!r} is no {kind}", _start(event))
        return value

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, known: tuple[str | None, ...]) -> None:
        if event.tag not in known:
            shown = str(event.tag).replace(_TAG, "!!")
            raise self._error(f"the tag {shown} is not allowed: a sweep file holds plain values", _start(event))

    def _quote_it(self, event: yaml.ScalarEvent, why: str) -> SweepFileError:
        return self._error(f"{event.value[:60]} is {why}; quote it", _start(event), f'write "{event.value[:60]}"')

    def _error(self, message: str, position: Position, hint: str | None = None) -> SweepFileError:
        return SweepFileError(message, self.file, *position, hint=hint)


@dataclass
class _Open:
    """A collection whose end has not come; `key` is the one that waits for its value."""

    node: _Node
    event: yaml.Event
    key: str | None = None

    @property
    def wants_key(self) -> bool:
        return self.node.entries is not None and self.key is None

    def add(self, child: _Node) -> None:
        if self.node.items is not None:
            self.node.items.append(child)
        elif self.node.entries is not None and self.key is not None:
            self.node.entries[self.key] = child
            self.key = None
        self.node.size += child.size
        self.node.depth = max(self.node.depth, child.depth + 1)


def _plain(node: _Node, path: KeyPath, document: Document) -> Json:
    """The node's value with aliases expanded; recursion is bounded by MAX_DEPTH."""
    document.values[path] = node.position
    if node.items is not None:
        return [_plain(item, (*path, i), document) for i, item in enumerate(node.items)]
    if node.entries is not None:
        document.keys.update({(*path, key): position for key, position in node.keys.items()})
        return {key: _plain(entry, (*path, key), document) for key, entry in node.entries.items()}
    return node.value


def _start(event: yaml.Event) -> Position:
    assert event.start_mark is not None  # PyYAML's parser marks every event
    return (event.start_mark.line + 1, event.start_mark.column + 1)


def _explained(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "this is no YAML"
    if "'\\t'" in problem:
        return "a tab cannot start a token in YAML; indent with spaces"
    if "unknown escape character" in problem:
        return f"{problem} in double quotes; in single quotes, '...', a backslash is itself"
    return f"{error.context}: {problem}" if error.context else problem
