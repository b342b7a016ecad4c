"""What may stand for the last word of a command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sweeprun.cli import candidates, grammar
from sweeprun.cli.candidates import Typed
from sweeprun.cli.grammar import Command
from sweeprun.cli.view import unsafe
from sweeprun.trials import Json


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole word, and what is said about it; nothing about most."""

    value: str
    about: str = ""


def completed(words: Sequence[str]) -> list[Candidate]:
    """The candidates for the last of `words`, which follow the name of the program."""
    command, before = _command(list(words[:-1]))
    if command is None:
        return []
    found = dict.fromkeys(_Line(command).read(before).candidates(words[-1]))
    # What a terminal would obey is no candidate: names of files are anybody's.
    return [each for each in found if each.value.startswith(words[-1]) and not unsafe(each.value)]


def _command(before: list[str]) -> tuple[Command | None, list[str]]:
    """The command that is meant, and its own words; None where there is none of that name."""
    command: Command | None = grammar.shipped()
    while before and command is not None and "commands" in command:
        command = command["commands"].get(before.pop(0))
    return command, before


@dataclass(slots=True)
class _Line:
    """A command and what was typed for it so far. `expects` is an option that waits for its value."""

    command: Command
    values: dict[str, list[str]] = field(default_factory=dict)
    positionals: list[str] = field(default_factory=list)
    expects: Json = None
    options_over: bool = False

    def read(self, words: Sequence[str]) -> _Line:
        for word in words:
            if self.expects is not None:
                self._note(self.expects, word)
            elif word == "--":
                self.options_over = True
            elif self._is_option(word):
                self._read_option(word)
            else:
                self.positionals.append(word)
        return self

    def candidates(self, word: str) -> Iterator[Candidate]:
        name, equals, value = word.partition("=")
        if self.expects is not None:
            yield from self._of(self.expects, word)
        elif self._is_option(word) and equals:
            option = self._option(name)
            for found in self._of(option, value) if option is not None else ():
                yield Candidate(f"{name}={found.value}", found.about)
        elif self._is_option(word):
            yield from self._options()
        elif "commands" in self.command:
            yield from self._commands()
        else:
            yield from self._argument(word)

    def _note(self, option: Json, value: str) -> None:
        self.values.setdefault(option["name"], []).append(value)
        self.expects = None

    def _is_option(self, word: str) -> bool:
        return word.startswith("-") and not self.options_over

    def _read_option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        option = self._option(name)
        if option is None or not option["takes_value"]:
            return
        if equals:
            self._note(option, value)
        else:
            self.expects = option

    def _option(self, name: str) -> Json:
        return next((each for each in self.command["options"] if name in each["written"]), None)

    def _options(self) -> Iterator[Candidate]:
        for option in self.command["options"]:
            if option["repeats"] or option["name"] not in self.values:
                yield Candidate(max(option["written"], key=len), option["about"])
        yield Candidate("--help", "Show the help.")

    def _commands(self) -> Iterator[Candidate]:
        for name, command in self.command["commands"].items():
            yield Candidate(name, command["about"])

    def _argument(self, word: str) -> Iterator[Candidate]:
        arguments = self.command["arguments"]
        place = len(self.positionals)
        if place < len(arguments):
            yield from self._of(arguments[place], word)
        elif arguments and arguments[-1]["repeats"]:
            yield from self._of(arguments[-1], word)

    def _of(self, parameter: Json, word: str) -> Iterator[Candidate]:
        source = candidates.OF.get(parameter["name"])
        if source is not None:
            yield from map(Candidate, source(Typed(self.values, self.positionals, word)))
