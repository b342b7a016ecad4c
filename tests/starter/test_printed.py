"""The lines that a script prints: put together in every way that Python has, and how often each of them appears."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.starter.printed import printed
from sweeprun.starter.templates import Hole, lines, pieces

Read = Callable[..., Any]
WHOLE = ["epoch ", Hole("epoch"), " loss ", Hole("loss", ".4f")]


def text_of(expression: str, **known: str) -> list[Any]:
    names = {name: ast.parse(value, mode="eval").body for name, value in known.items()}
    [line] = lines(pieces(ast.parse(expression, mode="eval").body, names))
    return list(line)


@pytest.mark.parametrize(
    "expression",
    [
        "f'epoch {epoch} loss {loss:.4f}'",
        "'epoch {} loss {:.4f}'.format(epoch, loss)",
        "'epoch {0} loss {1:.4f}'.format(epoch, loss)",
        "'epoch {e} loss {l:.4f}'.format(l=loss, e=epoch)",
        "'epoch ' + str(epoch) + f' loss {loss:.4f}'",
        "('epoch {} '\n 'loss {:.4f}').format(epoch, loss)",
        "' '.join([f'epoch {epoch}', f'loss {loss:.4f}'])",
        "f'epoch {str(epoch)} loss {loss:.4f}'",
    ],
)  # fmt: skip
def test_a_text_has_the_same_pieces_however_it_is_put_together(expression: str) -> None:
    assert text_of(expression) == WHOLE


def test_percent_formats_keep_their_type() -> None:
    assert text_of("'epoch %d loss %.4f' % (epoch, loss)") == [
        "epoch ",
        Hole("epoch", "d"),
        " loss ",
        Hole("loss", ".4f"),
    ]
    assert text_of("'acc %(acc).1f%%' % {'acc': a}") == ["acc ", Hole("a", ".1f"), "%"]
    assert text_of("'loss %s' % loss") == ["loss ", Hole("loss", "s")]


def test_what_names_stand_for_is_put_in() -> None:
    assert text_of("line", line="f'loss {x}'") == ["loss ", Hole("x")]
    assert text_of("fmt.format(x)", fmt="'loss {}'") == ["loss ", Hole("x")]
    assert text_of("f'{head} loss {x}'", head="f'epoch {e}'") == ["epoch ", Hole("e"), " loss ", Hole("x")]
    assert text_of("line", line="line + 'x'") == [Hole("line"), "x"]  # built up from itself


def test_attributes_and_items_in_templates_are_part_of_the_value() -> None:
    assert text_of("'Loss {loss.avg:.3f}'.format(loss=losses)") == ["Loss ", Hole("losses.avg", ".3f")]


def test_a_text_with_line_breaks_is_several_lines() -> None:
    node = ast.parse("f'\\nepoch {e}\\n  loss {x}\\n'", mode="eval").body
    assert list(lines(pieces(node, {}))) == [(), ("epoch ", Hole("e")), ("  loss ", Hole("x")), ()]


def printed_by(parsed: Read, text: str, **modules: str) -> list[Any]:
    return printed(parsed(text, **modules))


@pytest.mark.parametrize(
    "call",
    [
        "print('loss', x)", "print(f'loss {x}', flush=True)", "logger.info('loss %s', x)",
        "logging.warning('loss %s' % x)",
        "tqdm.write(f'loss {x}')", "sys.stdout.write(f'loss {x}\\n')", "print(f'loss {x}', file=sys.stderr)",
        "pbar.set_description(f'loss {x}')", "accelerator.print(f'loss {x}')", "print_rank_0(f'loss {x}')",
        "self.log.info('loss {}'.format(x))",
    ],
)  # fmt: skip
def test_there_are_many_ways_to_print(parsed: Read, call: str) -> None:
    [line] = printed_by(parsed, call)
    assert line.literal.startswith("loss")
    assert line.pieces[1].expression == "x"


@pytest.mark.parametrize(
    "call",
    ["print('done')", "print(f'loss {x}', file=log)", "f.write(f'loss {x}')", "logger.debug(f'loss {x}')", "show(x)"],
)
def test_what_does_not_come_to_the_streams_or_has_no_value_is_left_out(parsed: Read, call: str) -> None:
    assert printed_by(parsed, call) == []


def test_the_postfix_of_a_progress_bar_is_a_line(parsed: Read) -> None:
    [line] = printed_by(parsed, "bar.set_postfix(loss=loss.item(), acc=f'{a:.2f}')")
    assert line.pieces == ("loss=", Hole("loss.item()"), ", acc=", Hole("a", ".2f"))


@pytest.mark.parametrize(
    ("text", "often"),
    [
        ("print(f'loss {x}')", "once"),
        ("for epoch in range(9):\n    print(f'loss {x}')", "epoch"),
        ("for epoch in range(9):\n    for x, y in loader:\n        print(f'loss {x}')", "batch"),
        ("for epoch in range(9):\n    for i in range(n):\n        print(f'loss {x}')", "batch"),
        ("for fold in folds:\n    for epoch in range(9):\n        print(f'loss {x}')", "epoch"),
        ("while True:\n    if it % 100 == 0:\n        print(f'loss {x}')", "epoch"),
        ("def f():\n    print(f'loss {x}')\nf()", "once"),
        ("def f():\n    print(f'loss {x}')\nfor epoch in range(9):\n    f()", "epoch"),
        ("def f():\n    print(f'loss {x}')\ndef g():\n    f()\nfor epoch in range(9):\n    g()", "epoch"),
        ("def f():\n    for batch in data:\n        print(f'loss {x}')\nfor epoch in range(9):\n    f()", "batch"),
        ("def f():\n    print(f'loss {x}')\nfor batch in batches:\n    f()", "batch"),
        ("class T:\n    def f(self):\n        print(f'{x}')\n    def g(self):\n        while 1:\n            self.f()",
         "epoch"),
    ],
)  # fmt: skip
def test_how_often_a_line_is_printed_follows_from_the_loops_around_it(parsed: Read, text: str, often: str) -> None:
    assert [line.often for line in printed_by(parsed, text)] == [often]


def test_functions_of_local_modules_are_called_from_the_script(parsed: Read) -> None:
    [line] = printed_by(
        parsed,
        "from engine import evaluate\nfor epoch in range(3):\n    evaluate()\n",
        engine="def evaluate():\n    print(f'acc {x}')\n",
    )
    assert (line.often, line.place, line.function) == ("epoch", "engine.py:2", "evaluate")
