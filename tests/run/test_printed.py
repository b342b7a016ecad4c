"""Patterns for what programs print: each one is read back by the reader that would use it."""

from __future__ import annotations

import re
import time

import pytest

from sweeprun.run.printed import propose, speaks_of
from sweeprun.spec import yaml12
from sweeprun.store.matches import Matches


def read(lines, metric="val_loss", step="epoch"):
    """What the proposal for `lines` reads of them in the end."""
    proposal = propose(lines, metric, step)
    matches = Matches([re.compile(pattern) for pattern in proposal.patterns], step)
    return [row for line in lines if (row := matches.row(line.encode())) is not None][-1]


@pytest.mark.parametrize(
    ("line", "metric", "row"),
    [
        ("Epoch 3/10 - train loss: 0.52 - val loss: 0.41", "val_loss", {"epoch": 3, "val_loss": 0.41}),
        ("epoch=3 loss=1e-3 acc=0.9", "acc", {"epoch": 3, "acc": 0.9}),
        ("Epoch: [3][10/20] Acc@1 75.0 Loss 1.2", "loss", {"epoch": 3, "loss": 1.2}),
        ("[epoch 3] val_loss 0.3", "val_loss", {"epoch": 3, "val_loss": 0.3}),
        ("{'eval_loss': 0.51, 'eval_accuracy': 0.8, 'epoch': 1.0}", "eval_loss", {"epoch": 1, "eval_loss": 0.51}),
        ("Iteration 5 | best validation accuracy = 91.5 %", "val_acc", {"epoch": 5, "val_acc": 91.5}),
        ("10/10 - 0s 5ms/step - loss: 0.3 - val_loss: 0.4", "val_loss", {"val_loss": 0.4}),
        ("train_loss: 0.9 loss: 0.5", "loss", {"loss": 0.5}),
        ("loss: 1.5e+03", "loss", {"loss": 1500.0}),
        ("loss: 1,234.5 (best)", "loss", {"loss": 1234.5}),
    ],
)
def test_the_objective_is_read_however_it_is_spelt_with_its_step(line, metric, row):
    assert read([line], metric) == row


def test_a_heading_before_the_line_tells_the_step():
    lines = ["Epoch 1/2", " train loss: 0.9", " Validation loss: 0.8 (acc 61%)", "Epoch 2/2", " Validation loss: 0.7"]
    assert read(lines) == {"epoch": 2, "val_loss": 0.7}


def test_the_last_line_that_has_it_counts():
    assert propose(["val loss 1.0", "val_loss: 0.5", "done in 3 s"], "val_loss", "epoch").line == "val_loss: 0.5"


def test_where_the_objective_was_not_printed_the_numbers_of_a_line_are_proposed():
    proposal = propose(["Epoch 3 loss 0.5 top-1 0.9"], "f1", "epoch")
    assert proposal.names == ("loss", "top_1")
    assert read(["Epoch 3 loss 0.5 top-1 0.9"], "f1") == {"epoch": 3, "loss": 0.5, "top_1": 0.9}


@pytest.mark.parametrize("lines", [[], ["hello"], ["10/10"], ["Epoch 3"], ["loss"], ["0.5 0.6"], ["a 1 a 2"]])
def test_where_no_number_has_a_name_of_its_own_nothing_is_proposed(lines):
    assert propose(lines, "loss", "epoch") is None


def test_a_value_that_is_no_number_may_be_read():
    assert propose(["loss: nan"], "loss", "epoch").names == ("loss",)


def test_a_proposal_can_be_pasted_into_a_sweep_file():
    one = propose(["{'loss': 0.5}"], "loss", "epoch")
    two = propose(["Epoch 1", "it's loss: 0.5"], "loss", "epoch")
    for proposal in (one, two):
        written = yaml12.load(str(proposal), "").value["metrics_from"]["regex"]
        assert written == (proposal.patterns[0] if len(proposal.patterns) == 1 else list(proposal.patterns))


def test_a_metric_that_can_be_no_name_of_a_group_is_proposed_under_another():
    assert propose(["val/loss: 0.5"], "val/loss", "epoch").names == ("val_loss",)


@pytest.mark.parametrize("word", ["a ", "a", "a-", "1 ", "a: ", "a 1"])
def test_a_long_line_costs_little(word):
    began = time.process_time()
    propose([word * 100_000 + " loss: 0.5"] * 100, "loss", "epoch")
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("metric", ["epoch", "f1"])
def test_a_metric_that_is_called_like_the_step_is_no_error(metric):
    assert propose(["epoch 3", "epoch: 1.5"], metric, "epoch") is None


@pytest.mark.parametrize(("line", "speaks"), [("Val Loss: none", True), ("validation loss 3", True), ("loss 3", False)])
def test_a_line_speaks_of_a_metric_in_any_spelling(line, speaks):
    assert speaks_of(line, "val_loss") is speaks
