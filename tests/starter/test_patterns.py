"""Patterns that find values in printed lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.starter.fields import fields
from sweeprun.starter.patterns import NUMBER, WHOLE, pattern
from sweeprun.starter.printed import printed
from sweeprun.store.matches import uncoloured

Read = Callable[..., Any]
VALUES = {
    "epoch": 3,
    "e": 12,
    "n": 30,
    "t": 1.5,
    "x": 0.25,
    "v": 1.2e-7,
    "c": 325,
    "acc": 0.875,
    "nan": float("nan"),
    "s": 8.0,
}
EXPRESSIONS = [
    "f'Epoch {epoch} val_loss={x:.4f}'",
    "f'Epoch [{epoch}/{n}], Loss: {x:.4f}, acc: {acc:.1%}'",
    "f'[{epoch:>3}] loss={x:8.3f} (val_loss={v:.2e})'",
    "'| end of epoch {:3d} | time: {:5.2f}s | valid loss {:5.2f} | valid ppl {:8.2f}'.format(epoch, t, x, s)",
    "'Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)'.format(x, c, n, 100 * acc)",
    "'Epoch: %d  Val Acc: %.3f%%.' % (epoch, acc)",
    "'epoch', epoch, 'loss', nan",
    "f'loss: {x:.3f}s and more'",
    "f'a.b*c+(d)[e]{{f}}|g^h$i?j loss {x}'",
    "f'epoch\\t{epoch}\\tloss\\t{x:.5f}'",
    "f'{epoch} loss {x:<10}| acc {acc:<10}|'",
    "f'\\033[92mEpoch {epoch}\\033[0m: \\033[1mval loss\\033[0m {x:.4f}'",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_pattern_finds_in_the_printed_line_what_was_printed(
    parsed: Read, capsys: pytest.CaptureFixture[str], expression: str
) -> None:
    [line] = printed(parsed(f"print({expression})"))
    wanted = fields(line)
    assert wanted
    exec(f"print({expression})", {}, dict(VALUES))
    groups = {field.hole: (field.name, WHOLE if field.role == "step" else NUMBER) for field in wanted}
    found = re.search(pattern(line.pieces, groups), uncoloured(capsys.readouterr().out))
    assert found
    for field in wanted:
        value = VALUES[re.findall(r"\b(?:epoch|nan|acc|[xvsc])\b", line.pieces[field.hole].expression)[-1]]
        assert float(found[field.name]) == pytest.approx(value * scale(line, field), rel=0.2, nan_ok=True)


def scale(line: Any, field: Any) -> int:
    hole = line.pieces[field.hole]
    return 100 if "100" in hole.expression or "%" in hole.spec else 1


def test_what_is_not_asked_for_is_passed_over(parsed: Read) -> None:
    [line] = printed(parsed("print(f'epoch {e} of {run} loss {x:.2f}')"))
    assert pattern(line.pieces, {5: ("loss", NUMBER)}) == r"epoch\s+.*?loss\s+(?P<loss>[-+.\w]+)"


def test_lines_that_begin_otherwise_are_told_apart(parsed: Read) -> None:
    _, test = printed(parsed("print(f'Train: {i} of {n} loss {x}')\nprint(f'Test: {i} of {n} loss {x}')"))
    found = pattern(test.pieces, {5: ("loss", NUMBER)})
    assert re.search(found, "Test: 1 of 2 loss 0.5")
    assert not re.search(found, "Train: 1 of 2 loss 0.5")


def test_a_full_stop_after_a_number_is_no_part_of_it(parsed: Read) -> None:
    [line] = printed(parsed("print(f'acc {acc}.')"))
    found = re.search(pattern(line.pieces, {1: ("acc", NUMBER)}), "acc 0.98.")
    assert found
    assert found["acc"] == "0.98"
