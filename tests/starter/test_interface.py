"""The arguments of a script, by whatever library it declares them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.starter.arguments import Argument
from sweeprun.starter.source import Unknown

Read = Callable[..., Any]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("add_argument('--lr', type=float, default=1e-3)", {"type": "float", "default": 1e-3}),
        ("add_argument('-b', '--batch-size', type=int, default=2**6)", {"name": "batch-size", "default": 64}),
        ("add_argument('--optimizer', choices=['sgd', 'adam'])", {"choices": ("sgd", "adam"), "default": None}),
        ("add_argument('--amp', action='store_true')", {"switch": "on", "default": False}),
        ("add_argument('--no-aug', action='store_false', dest='aug')", {"switch": "off", "default": False}),
        ("add_argument('--ema', action=argparse.BooleanOptionalAction, default=True)",
         {"switch": "both", "default": True}),
        ("add_argument('--sizes', type=int, nargs='+')", {"several": True}),
        ("add_argument('--lr', type=float, nargs='?')", {"several": False}),
        ("add_argument('--lr', type=float, required=True)", {"required": True}),
        ("add_argument('data')", {"positional": True, "required": True}),
        ("add_argument('data', nargs='?', default='.')", {"positional": True, "required": False}),
        ("add_argument('-lr', type=float, default=0.1)", {"short_only": True, "name": "lr"}),
        ("add_argument('--lr', default=get_default())", {"default": Unknown("get_default()")}),
        ("add_argument('--lr', type=str2bool)", {"type": "str2bool"}),
    ],
)  # fmt: skip
def test_what_add_argument_says(argument: Read, call: str, expected: dict[str, Any]) -> None:
    found = argument(call)
    assert {key: getattr(found, key) for key in expected} == expected


def test_constants_of_the_module_are_resolved(argument: Read) -> None:
    before = "LR = 3e-4\nMODELS = {'mlp': 1, 'cnn': 2}"
    assert argument("add_argument('--lr', default=LR, type=float)", before).default == 3e-4
    assert argument("add_argument('--model', choices=MODELS.keys())", before).choices == ("mlp", "cnn")
    assert argument("add_argument('--model', choices=list(MODELS))", before).choices == ("mlp", "cnn")


def test_defaults_may_be_set_elsewhere(interface: Read) -> None:
    text = "p = ArgumentParser()\np.add_argument('--lr', type=float, default=1.0)\np.set_defaults(lr=0.5)\n"
    assert interface(text).arguments[0].default == 0.5


def test_groups_functions_and_local_modules_are_read_in_the_order_of_the_text(interface: Read) -> None:
    found = interface(
        """
        from options import add_data
        parser = argparse.ArgumentParser()
        group = parser.add_argument_group("model")
        def extend(p):
            p.add_argument("--depth", type=int)
            return p
        group.add_argument("--width", type=int)
        """,
        options="def add_data(parser):\n    parser.add_argument('--crop', type=int)\n",
    )
    assert [each.name for each in found.arguments] == ["depth", "width", "crop"]


def test_dashes_alone_are_no_name(interface: Read) -> None:
    assert interface("p.add_argument('-')\np.add_argument('')\np.add_argument('--lr')").arguments[0].flag == "--lr"


def test_what_counts_collects_or_shows_something_is_no_parameter(interface: Read) -> None:
    calls = "".join(f"p.add_argument('--x', action='{action}')\n" for action in ("count", "append", "version", "help"))
    assert interface(f"p = ArgumentParser()\n{calls}").arguments == ()


def test_of_several_subcommands_it_is_that_which_trains(interface: Read) -> None:
    found = interface(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--verbose", action="store_true")
        commands = parser.add_subparsers()
        export = commands.add_parser("export")
        export.add_argument("--format")
        train = commands.add_parser("train", help="...")
        train.add_argument("--lr", type=float)
        group = train.add_argument_group("more")
        group.add_argument("--wd", type=float)
        """
    )
    assert (found.command, found.commands) == ("train", ("export", "train"))
    assert [each.name for each in found.arguments] == ["lr", "wd"]  # no other may stand after the subcommand


def test_names_that_are_made_at_run_time_are_not_passed_over_in_silence(interface: Read) -> None:
    found = interface(
        "p = ArgumentParser()\nfor name in NAMES:\n    p.add_argument(f'--{name}')\np.add_argument('--lr')\n"
    )
    assert [each.name for each in found.arguments] == ["lr"]
    assert found.unread == ("train.py:3",)


def test_click_options(interface: Read) -> None:
    found = interface(
        """
        import click
        @click.command()
        @click.option("--lr", default=1e-3, help="...")
        @click.option("-o", "--optimizer", type=click.Choice(["sgd", "adam"]))
        @click.option("--shuffle/--no-shuffle", default=True)
        @click.option("--amp", is_flag=True)
        @click.option("--sizes", multiple=True)
        @click.argument("data")
        def main(**options): ...
        """
    ).arguments
    lr, optimizer, shuffle, amp, sizes, data = found
    assert (lr.name, lr.type, lr.default) == ("lr", "float", 1e-3)
    assert (optimizer.name, optimizer.choices) == ("optimizer", ("sgd", "adam"))
    assert (shuffle.name, shuffle.switch, shuffle.default) == ("shuffle", "both", True)
    assert (amp.switch, sizes.several, data.positional) == ("on", True, True)


def test_fields_of_dataclasses_where_something_reads_them(interface: Read) -> None:
    fields = """
@dataclass
class Model:
    width: int = 64
    dropout: float | None = field(default=0.1, metadata={"help": "..."})
    sizes: List[int] = field(default_factory=list)
    name: str
"""
    width, dropout, sizes, name = interface(f"import tyro{fields}").arguments
    assert (width.flag, width.type, width.default) == ("--width", "int", 64)
    assert (dropout.type, dropout.default) == ("float", 0.1)
    assert (sizes.several, name.required) == (True, True)
    assert interface(f"import dataclasses{fields}").arguments == ()


def test_what_the_helper_is_given(interface: Read) -> None:
    lr, width, amp = interface("import sweeprun\np = sweeprun.params(lr=3e-4, width=64, amp=True)\n").arguments
    assert (lr.name, lr.type, lr.default) == ("lr", "float", 3e-4)
    assert (width.type, width.default, amp.default) == ("int", 64, True)
    assert len(interface("from sweeprun import params\nparams(lr=3e-4)\n").arguments) == 1
    assert interface("params(lr=3e-4)\n").arguments == ()


def test_the_training_arguments_of_transformers_are_known(interface: Read) -> None:
    text = "from transformers import HfArgumentParser\nHfArgumentParser((Model, TrainingArguments)).parse_args()\n"
    found = {each.name: each.default for each in interface(text).arguments}
    assert found["learning_rate"] == 5e-5
    assert "per_device_train_batch_size" in found


def test_a_switch_that_is_on_is_written_as_what_turns_it_off() -> None:
    assert Argument("--ema", switch="both", default=True).absent() == Argument("--no-ema", switch="on", default=False)
    assert Argument("--ema", switch="both", default=False).absent().flag == "--ema"
