"""`add`: a configuration of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.space import filling
from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState

Command = Callable[..., Any]
SOURCE = """
command: python train.py ${args}
metric: val_loss
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  opt: [sgd, adam]
  momentum: {min: 0.0, max: 0.9, when: {opt: sgd}}
  nesterov: {values: [true, false], when: {opt: sgd}}
  n: {min: 1, max: 3}
  width: {min: 8, max: 64, step: 8, repeat: n}
  decay: {any: [0.0, {min: 1e-6, max: 1e-2, log: true}]}
  model: {parameters: {depth: [2, 4], "head size": [8, 16]}}
  epochs: 5
  warmup: {expr: epochs / 5}
linked:
  augment: [{aug: none, mix: 0.0}, {aug: rand, mix: 0.2}]
constraints: ["n * `model.depth` <= 8"]
algorithm: random
budget: 6
"""


@pytest.fixture
def sweep(build: Command, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(filling, "MAX_DRAWS", 100)  # ten thousand are quick without the checks of tests
    return build(source=SOURCE)


def added(sweep: Any) -> Any:
    return Sweep(sweep.directory).trials()[-1]


def test_values_are_read_as_in_a_sweep_file(sweep: Any, sweeprun: Command) -> None:
    words = ["lr=3e-4", "opt=sgd", "momentum=0.5", "nesterov=false", "width=[64, 32]", "decay=0"]
    words += ["model.depth=4", "model.head size=16", "aug=rand"]
    done = sweeprun("add", "demo", *words)
    assert (done.code, done.out) == (0, "")
    assert "trial 0 waits: lr=0.0003, opt=sgd" in done.err
    assert "to run what waits: sweeprun resume sweeps/demo" in done.err
    trial = added(sweep)
    assert (trial.state, trial.origin) == (TrialState.WAITING, "add")
    assert trial.params == {
        "lr": 0.0003,
        "opt": "sgd",
        "momentum": 0.5,
        "nesterov": False,
        "n": 2,
        "width": [64, 32],
        "decay": 0.0,
        "model.depth": 4,
        "model.head size": 16,
        "epochs": 5,
        "warmup": 1.0,
        "aug": "rand",
        "mix": 0.2,
    }


def test_what_is_left_out_is_drawn_and_printed(sweep: Any, sweeprun: Command) -> None:
    document = sweeprun("add", "lr=1e-2", "--json").document
    assert document["schema"] == "sweeprun.add/1"
    [trial] = document["trials"]
    assert trial == {"number": 0, "parent": None, "params": added(sweep).params}
    assert trial["params"]["lr"] == 0.01
    assert {"opt", "n", "width", "aug", "mix", "warmup"} <= trial["params"].keys()


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["lr=1"], "lr = 1 is not allowed", "lr: float from 1e-05 to 0.1, logarithmic"),
        (["lr=fast"], "lr = 'fast' is not allowed", "lr: float"),
        (["lr="], "lr = None is not allowed", "lr: float"),
        (["learning_rate=1e-3"], "there is no parameter 'learning_rate'; there are: lr, opt", ""),
        (["momentun=0.5"], "there is no parameter 'momentun'", "did you mean 'momentum'?"),
        (["opt=adam", "momentum=0.5"], "momentum is not active where opt is 'adam'", 'when opt is "sgd"'),
        (["width=[64]", "n=2"], "width has 1 elements, and n is 2", "list of n elements"),
        (["n=3", "model.depth=4"], "the constraint 'n * `model.depth` <= 8' rejects", ""),
        (["mix=0.1"], "no row of augment has mix = 0.1", "2 linked rows of aug, mix"),
        (["epochs=6"], "epochs = 6 is not allowed", "epochs: fixed, 5"),
        (["lr=1e-3", "lr=1e-2"], "lr is given twice", ""),
        (["lr"], "expected NAME=VALUE", ""),
        (["lr=1e-3", "opt"], "expected NAME=VALUE, not 'opt'", "for example: sweeprun add lr=3e-4"),
        (["width=[64"], "width=[64:1:4", ""),
    ],
)
def test_what_cannot_be_tried_is_refused_with_what_can(
    sweep: Any, sweeprun: Command, words: list[str], said: str, hint: str
) -> None:
    done = sweeprun("add", "demo", *words)
    assert done.code == 2
    assert said in done.err
    assert hint in done.err
    assert "Traceback" not in done.err
    assert Sweep(sweep.directory).trials() == []


def test_a_configuration_that_is_there_is_refused_with_its_trial_and_how_to_run_it_again(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    sweep.ended(0.5, lr=1e-3, layers=4)
    done = sweeprun("add", "lr=0.001", "layers=4")
    assert done.code == 2
    assert "this configuration is there already: trial 0, which is complete" in done.err
    assert "sweeprun retry demo 0" in done.err


def test_a_sweep_without_room_in_its_budget_takes_one_more_and_status_says_what_runs_it(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    for layers in (2, 4, 8):
        for lr in (1e-3, 1e-2):
            sweep.ended(0.5, lr=lr, layers=layers)
    assert sweeprun("status", "--json").document["state"] == "finished"
    sweeprun("add", "lr=0.05")
    document = sweeprun("status", "--json").document
    assert document["state"] == "stopped"
    assert "1 waiting" in document["reason"]
    assert "sweeprun resume goes on" in document["reason"]
    assert document["budget"]["trials"] == {"used": 6.0, "limit": 6.0}


def test_a_space_that_somebody_changed_in_a_way_that_cannot_be_read_takes_no_configuration(
    sweep: Any, sweeprun: Command
) -> None:
    sweep.sweep.edit(set=[(["budget", "trials"], 9)])
    sweep.sweep.layout.edit(1).write_text("{")
    assert sweeprun("add", "lr=1e-3").code == 2
    assert Sweep(sweep.directory).trials() == []
