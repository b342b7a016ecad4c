"""Scripts as text, and what is read from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sweeprun.starter.interface import Interface
from sweeprun.starter.proposal import Proposal, propose
from sweeprun.starter.source import ModuleName, Source, sources

SCRIPTS = Path(__file__).with_name("scripts")


def modules_of(texts: Mapping[str, str]) -> Callable[[ModuleName], str | None]:
    """Local modules by their dotted names."""
    return lambda module: texts.get(".".join(module))


def files(text: str, **modules: str) -> tuple[Source, ...]:
    texts = {name.replace("__", "."): dedent(inner) for name, inner in modules.items()}
    return sources(dedent(text), "train.py", modules_of(texts))


def read_interface(text: str, **modules: str) -> Interface:
    return Interface.of(files(text, **modules))


def proposal_of(text: str, script: str = "train.py", file: str = "sweep.yaml", **modules: str) -> Proposal:
    return propose(dedent(text), script, file, modules_of({name: dedent(inner) for name, inner in modules.items()}))


@pytest.fixture(scope="session")
def parsed() -> Callable[..., tuple[Source, ...]]:
    return files


@pytest.fixture(scope="session")
def interface() -> Callable[..., Interface]:
    return read_interface


@pytest.fixture(scope="session")
def proposal() -> Callable[..., Proposal]:
    return proposal_of


@pytest.fixture(scope="session")
def script() -> Callable[[str], Proposal]:
    """What is proposed for one of the scripts beside these tests."""

    def proposed(name: str) -> Proposal:
        path = SCRIPTS / name

        def local(module: ModuleName) -> str | None:
            file = path.parent.joinpath(*module).with_suffix(".py")
            return file.read_text() if file.is_file() else None

        return propose(path.read_text(), path.name, "sweep.yaml", local)

    return proposed


@pytest.fixture(scope="session")
def argument(interface: Any) -> Callable[..., Any]:
    """The one argument that a line declares."""

    def declared(call: str, before: str = "") -> Any:
        [only] = interface(f"import argparse\n{before}\nparser = argparse.ArgumentParser()\nparser.{call}\n").arguments
        return only

    return declared
