"""The objective, and how it is read: from what a script prints, or from the files it writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.starter import metrics

Read = Callable[..., Any]


@pytest.fixture
def found(parsed: Read) -> Read:
    return lambda text, **modules: metrics.find(parsed(text, **modules))


LOOP = """
for epoch in range(9):
    for i, batch in enumerate(loader):
        if i % 10 == 0:
            print(f'epoch {{epoch}} [{{i}}/{{n}}] loss {{loss:.4f}}')
    {}
"""


@pytest.mark.parametrize(
    ("line", "name", "goal"),
    [
        ("print(f'val loss {a:.4f} test loss {b:.4f} train loss {c:.4f}')", "val_loss", "minimize"),
        ("print(f'train loss {c:.4f} test loss {b:.4f}')", "test_loss", "minimize"),
        ("print(f'val loss {a:.4f} val acc {b:.4f}')", "val_acc", "maximize"),
        ("print(f'val loss {a:.4f} val acc {b:.0f}%')", "val_loss", "minimize"),
        ("print(f'val loss {a:.4f} val ppl {b:.2f}')", "val_loss", "minimize"),
        ("print(f'val rmse {a:.4f}')", "val_rmse", "minimize"),
        ("print(f'eval mean reward {a:.2f}')", "val_reward", "maximize"),
        ("print(f'train loss {c:.4f}')", "train_loss", "minimize"),
        ("print(f'best val acc {c:.4f} val acc {d:.4f}')", "val_acc", "maximize"),
    ],
)
def test_the_objective_is_each_epoch_s_own_value_on_data_held_back(
    found: Read, line: str, name: str, goal: str
) -> None:
    read = found(LOOP.format(line))
    assert (read.name, read.goal, read.step) == (name, goal, "epoch")


def test_what_is_printed_within_an_epoch_counts_only_where_nothing_else_is(found: Read) -> None:
    read = found(LOOP.format("pass"))
    assert read.name == "loss"
    assert any("within an epoch" in warning for warning in read.warnings)


def test_a_line_that_names_no_step_gets_it_from_a_heading(found: Read) -> None:
    read = found(LOOP.format("print(f'val loss {a:.4f}')"))
    heading, line = read.read["regex"]
    assert re.search(heading, "epoch 3 [0/10] loss 0.5").groupdict() == {"epoch": "3"}
    assert re.search(line, "val loss 0.25").groupdict() == {"val_loss": "0.25"}


def test_what_else_an_epoch_says_is_read_too(found: Read) -> None:
    lines = "print(f'epoch {epoch} train loss {a:.4f}'); print(f'epoch {epoch} val loss {b:.4f}')"
    objective, other = found(LOOP.format(lines)).read["regex"]
    assert "val_loss" in objective
    assert "train_loss" in other


def test_one_line_that_says_it_all_is_one_pattern(found: Read) -> None:
    read = found(LOOP.format("print(f'epoch {epoch} val loss {b:.4f}')"))
    assert read.read == {"regex": r"epoch\s+(?P<epoch>\d+)\s+val loss\s+(?P<val_loss>[-+.\w]+)"}
    assert read.origin == "what train.py:6 prints"


def test_a_number_at_the_end_is_an_objective_without_steps(found: Read) -> None:
    read = found("print('validation accuracy:', score)")
    assert (read.name, read.once) == ("val_acc", True)


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("print(f'train loss {a:.4f}')", "whoever learns them by heart wins"),
        ("print(f'test acc {a:.4f}')", "too good"),
        ("print(f'loss {a:.4f}')", "of which data the loss is"),
    ],
)
def test_an_objective_that_misleads_comes_with_a_warning(found: Read, line: str, warning: str) -> None:
    assert any(warning in said for said in found(LOOP.format(line)).warnings)
    assert not found(LOOP.format("print(f'val loss {a:.4f}')")).warnings


def test_nothing_is_proposed_where_nothing_is_printed(found: Read) -> None:
    assert found("print('done')").read is None
    assert found("print(f'{elapsed:.1f}s on {device}, lr {lr}')").read is None


def test_the_helper_s_reports_are_known_by_name(found: Read) -> None:
    read = found("import sweeprun\nsweeprun.report(epoch=1, val_loss=loss, val_acc=acc)\nprint(f'val f1 {x}')")
    assert (read.read, read.name, read.goal) == ("file", "val_acc", "maximize")


def test_a_script_that_has_only_its_parameters_of_the_helper_is_read_by_what_it_prints(found: Read) -> None:
    read = found("import sweeprun\np = sweeprun.params(lr=0.1)\nprint(f'Epoch {epoch}: val_loss={loss:.3f}')")
    assert read.name == "val_loss"
    assert "regex" in read.read


@pytest.mark.parametrize(
    "text",
    [
        "print(json.dumps({'epoch': e, 'val_loss': x}))",
        "said = {'epoch': e, 'val_loss': x}\nprint(json.dumps(said), flush=True)",
        "print(json.dumps(dict(epoch=e, val_loss=x)))",
    ],
)
def test_json_lines_are_read_from_stdout(found: Read, text: str) -> None:
    read = found(text)
    assert (read.read, read.name) == ("stdout", "val_loss")


def test_the_csv_file_of_lightning(found: Read) -> None:
    read = found(
        """
        from lightning.pytorch.loggers import CSVLogger
        class Model(LightningModule):
            def validation_step(self, batch):
                self.log("val_loss", loss)
                self.log_dict({"val_acc": acc})
        Trainer(logger=CSVLogger("logs", name="mine"))
        """
    )
    assert (read.read, read.name, read.goal) == ({"csv": "**/metrics.csv"}, "val_acc", "maximize")
    assert 'os.environ.get("SWEEPRUN_DIR", \'logs\')' in read.warnings[0]


def test_a_place_that_is_an_argument_needs_no_change_of_the_script(found: Read) -> None:
    read = found("from keras.callbacks import CSVLogger\nCSVLogger(args.log_path)\n")
    assert (read.read, read.name, read.warnings) == ({"csv": "**/*.csv"}, "val_loss", ())


def test_the_csv_file_of_keras_has_the_name_that_the_script_gives(found: Read) -> None:
    read = found("import keras\nkeras.callbacks.CSVLogger('out/history.csv', append=True)\n")
    assert read.read == {"csv": "**/history.csv"}


def test_what_keras_prints(found: Read) -> None:
    read = found("import keras\nmodel.fit(x, y, validation_split=0.1)\n")
    heading, line = read.read["regex"]
    printed = "25/25 - 1s - 50ms/step - accuracy: 0.9000 - loss: 0.3100 - val_accuracy: 0.8000 - val_loss: 0.5200"
    assert re.search(heading, "Epoch 3/10").groupdict() == {"epoch": "3"}
    assert re.search(line, printed).groupdict() == {"val_loss": "0.5200"}


def test_what_the_trainer_of_transformers_prints(found: Read) -> None:
    read = found("from transformers import Trainer\nTrainer(model, args).train()\n")
    line = "{'eval_loss': 0.4, 'eval_accuracy': 0.8, 'eval_runtime': 1.5, 'epoch': 2.0}"
    assert re.search(read.read["regex"], line).groupdict() == {"eval_loss": "0.4", "epoch": "2.0"}
    assert re.search(read.read["regex"], re.sub(r": ([\d.]+)", r": '\1'", line))["eval_loss"] == "0.4"


def test_local_modules_print_too(found: Read) -> None:
    engine = "def evaluate(model):\n    print(f'acc {acc:.4f}')\n"
    read = found("import engine\nfor epoch in range(3):\n    engine.evaluate(model)\n", engine=engine)
    assert (read.name, read.origin) == ("val_acc", "what engine.py:2 prints")
