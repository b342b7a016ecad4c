"""Which of the values in a line are metrics, of which data, and which counts the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.starter.fields import fields
from sweeprun.starter.printed import printed

Read = Callable[..., Any]


@pytest.fixture
def named(parsed: Read) -> Callable[[str], list[str]]:
    """The names of the fields of a line that is printed, in a function of that name."""

    def names(expression: str, function: str = "f") -> list[str]:
        [line] = printed(parsed(f"def {function}():\n    print({expression})\n"))
        return [field.name for field in fields(line)]

    return names


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("f'Epoch {epoch}: val_loss={v:.4f}'", ["epoch", "val_loss"]),
        ("f'Epoch {e}/{n} | Train Loss: {a:.3f} | Val. Loss: {b:.3f}'", ["epoch", "train_loss", "val_loss"]),
        ("f'Epoch [{e}/{n}], Step [{i}/{m}], Loss: {x:.4f}'", ["epoch", "loss"]),
        ("'| end of epoch {:3d} | time: {:5.2f}s | valid loss {:5.2f} | valid ppl {:8.2f}'.format(e, t, v, p)",
         ["epoch", "val_loss", "val_ppl"]),
        ("'Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)'.format(test_loss, c, n, 100. * c / n)",
         ["test_loss", "test_correct", "test_acc"]),
        ("f'step {it}: train loss {a:.4f}, val loss {b:.4f}'", ["step", "train_loss", "val_loss"]),
        ("'Epoch: {:04d}'.format(e + 1), 'loss_val: {:.4f}'.format(v), 'time: {:.4f}s'.format(t)",
         ["epoch", "loss_val"]),
        ("f'{epoch} {val_loss} {val_accuracy}'", ["epoch", "val_loss", "val_acc"]),
        ("'epoch', epoch, 'loss', loss.item()", ["epoch", "loss"]),
        ("f'Validation accuracy: {acc:.2%}'", ["val_acc"]),
        ("f'{100 * correct / total:.2f}% accuracy on the validation set'", ["val_acc"]),
        ("f'dev F1 = {f:.3f} lr = {lr}'", ["val_f1"]),
        ("f'epoch {epoch} took {t}s, lr {lr}'", ["epoch"]),
        ("f'Best val acc: {best_acc:.2f}'", ["best_val_acc"]),
        ("f'saved {path}'", []),
        ("'loss: %s of %d images' % (name, n)", []),
        ("'Loss {loss.val:.4f} ({loss.avg:.4f})'.format(loss=losses)", ["loss"]),
        ("f'epoch {epoch} {val_loss} {t}'", ["epoch", "val_loss"]),
        ("f'Episode {i}\\tmean reward: {r:.1f}'", ["episode", "reward"]),
    ],
)  # fmt: skip
def test_values_are_called_what_the_line_calls_them(named: Any, expression: str, names: list[str]) -> None:
    assert named(expression) == names


@pytest.mark.parametrize(
    ("function", "name"), [("validate", "val_loss"), ("test", "test_loss"), ("train", "train_loss"), ("main", "loss"),
                           ("train_and_eval", "loss")]
)  # fmt: skip
def test_the_function_that_prints_tells_of_which_data_a_value_is(named: Any, function: str, name: str) -> None:
    assert named("f'loss {x:.3f}'", function) == [name]


def test_a_function_that_goes_over_all_epochs_does_not(parsed: Read) -> None:
    text = "def train():\n    for epoch in range(9):\n        print(f'epoch {epoch} accuracy {acc:.3f}')\n"
    [line] = printed(parsed(text))
    assert [field.split for field in fields(line)] == ["", ""]


def test_how_finely_a_value_is_printed_is_known(parsed: Read) -> None:
    texts = ["f'acc {a:.0f}%'", "f'acc {a:.2f}%'", "f'acc {a:.3f}'", "f'acc {a}'", "f'acc {a:.1%}'"]
    digits = [fields(line)[0].digits for text in texts for line in printed(parsed(f"print({text})"))]
    assert digits == [2, 4, 3, 4, 3]
