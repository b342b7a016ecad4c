"""`import optuna` and `export optuna`: studies come and go, read and written by Optuna itself."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState

Command = Callable[..., Any]
SOURCE = """
command: python -c pass ${args}
metric: val_loss
parameters:
  epochs: 3
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: {min: 1, max: 9, step: 2}
  optimizer: [sgd, null, true, 3]
algorithm: random
budget: 6
"""


FOUNDED = b'{"op_code": 0, "worker_id": "w", "study_name": "old", "directions": [1]}\n'
TRIED = [(0.01, 3), (0.02, 1), (0.03, 5), (0.04, 9)]  # complete, failed, complete, pruned


def journal(path: str | Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def train(trial: optuna.Trial) -> float:
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 9, step=2)
    trial.suggest_categorical("optimizer", ["sgd", None, True, 3])
    trial.suggest_int("unknown", 0, 3)
    for epoch in range(3):
        trial.report(layers + 1 / (epoch + 1), epoch)
        if layers == 9 and epoch == 1:
            raise optuna.TrialPruned
    if layers == 1:
        raise ArithmeticError
    return layers + lr


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `demo.yaml` and the study `old` in `old.log` and in `old.db`."""
    here = tmp_path_factory.mktemp("studies")
    (here / "demo.yaml").write_text(SOURCE)
    there = journal(here / "old.log")
    made = optuna.create_study(storage=there, study_name="old")
    for (lr, layers), optimizer in zip(TRIED, ["sgd", None, True, 3], strict=True):
        made.enqueue_trial({"lr": lr, "layers": layers, "optimizer": optimizer, "unknown": 2})
    made.optimize(train, n_trials=len(TRIED), catch=ArithmeticError)
    database = RDBStorage(f"sqlite:///{here / 'old.db'}")
    optuna.copy_study(from_study_name="old", from_storage=there, to_storage=database)
    database.engine.dispose()
    return here


@pytest.fixture
def place(studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the current directory."""
    monkeypatch.chdir(tmp_path)
    for file in studies.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def trials(sweep: str = "demo") -> list[Any]:
    return Sweep(Path("sweeps") / sweep).trials()


@pytest.mark.parametrize("name", ["old.log", "old.db", "sqlite:///old.db"])
def test_complete_and_pruned_trials_become_trials_of_the_sweep(place: Path, sweeprun: Command, name: str) -> None:
    file = Path(name.removeprefix("sqlite:///"))
    before = file.read_bytes()
    file.chmod(0o444)
    done = sweeprun("import", "optuna", name, "demo.yaml")
    assert (done.code, done.out) == (0, "")
    assert f"{name}: trial 1: skipped: its state is fail" in done.err
    assert f"{name}: 3 brought in as trials 0 to 2" in done.err
    assert "ignored parameters, no parameter or metric of this sweep: unknown" in done.err
    assert [(trial.state.value, trial.params, trial.why) for trial in trials()] == [
        ("complete", {"epochs": 3, "lr": 0.01, "layers": 3, "optimizer": "sgd"}, "imported from study old, trial 0"),
        ("complete", {"epochs": 3, "lr": 0.03, "layers": 5, "optimizer": True}, "imported from study old, trial 2"),
        ("pruned", {"epochs": 3, "lr": 0.04, "layers": 9, "optimizer": 3}, "imported from study old, trial 3"),
    ]
    assert file.read_bytes() == before


def test_curves_come_with_them_and_their_steps_count_what_is_finished(place: Path, sweeprun: Command) -> None:
    sweeprun("import", "optuna", "old.log", "demo.yaml")
    complete, _, pruned = trials()
    assert (pruned.curve.steps, pruned.curve.values) == ((1, 2), {"val_loss": (10.0, 9.5)})
    assert (pruned.values, pruned.step, pruned.last_step) == ({"val_loss": 9.5}, 2, 2)
    assert (complete.values, complete.step, complete.curve.steps) == ({"val_loss": 3.01}, None, (1, 2, 3))


def test_a_study_is_not_brought_in_twice_and_its_newer_trials_are(place: Path, sweeprun: Command) -> None:
    sweeprun("import", "optuna", "old.log", "demo.yaml")
    study = optuna.load_study(study_name="old", storage=journal("old.log"))
    distributions = {"lr": FloatDistribution(0, 10), "layers": IntDistribution(1, 9)}
    study.add_trial(optuna.create_trial(params={"lr": 5.0, "layers": 3}, distributions=distributions, value=1.0))
    study.add_trial(optuna.create_trial(value=math.inf))
    done = sweeprun("import", "optuna", "old.log", "demo.yaml", "--json")
    why = "lr = 5.0 is not in the space; optimizer is not given"
    assert done.document["imported"] == [{"number": 3, "trial": 4, "outside": why}]
    assert f"trial 3 (trial 4) is kept and does not inform the search: {why}" in done.err
    assert (done.document["known"], done.document["skipped"]) == (
        3, [{"trial": 1, "reason": "its state is fail"}, {"trial": 5, "reason": "val_loss is inf"}],
    )  # fmt: skip


@pytest.mark.parametrize("attribute", ["a word", {"values": 1}, {"values": {"val_loss": "x"}, "params": {}}], ids=str)
def test_an_attribute_of_our_name_that_somebody_else_wrote_is_none_of_ours(
    place: Path, sweeprun: Command, attribute: object
) -> None:
    study = optuna.load_study(study_name="old", storage=journal("old.log"))
    study.add_trial(optuna.create_trial(value=1.0, user_attrs={"sweeprun": attribute}))
    done = sweeprun("import", "optuna", "old.log", "demo.yaml")
    assert done.code == 0
    assert "4 brought in as trials 0 to 3" in done.err


@pytest.mark.parametrize("step", [-3, 2**60])
def test_a_trial_whose_steps_count_nothing_is_skipped_with_the_reason(
    place: Path, sweeprun: Command, step: int
) -> None:
    study = optuna.load_study(study_name="old", storage=journal("old.log"))
    study.add_trial(optuna.create_trial(value=1.0, intermediate_values={step: 2.0}))
    said = f"trial 4: skipped: it reported step {step}, and steps are counted from 0"
    assert said in sweeprun("import", "optuna", "old.log", "demo.yaml").err


def test_of_several_studies_one_is_named(place: Path, sweeprun: Command) -> None:
    optuna.create_study(storage=journal("old.log"), study_name="a newer one")
    done = sweeprun("import", "optuna", "old.log", "demo.yaml")
    assert (done.code, done.err) == (
        2, "sweeprun: old.log holds 2 studies: a newer one, old\n  --study 'a newer one'\n",
    )  # fmt: skip
    assert sweeprun("import", "optuna", "old.log", "demo.yaml", "--study", "old").code == 0
    done = sweeprun("import", "optuna", "old.log", "demo.yaml", "--study", "odl")
    assert (done.code, done.err) == (
        2, "sweeprun: old.log holds no study 'odl'; there are: a newer one, old\n  did you mean 'old'?\n",
    )  # fmt: skip


def test_a_study_that_is_to_go_the_other_way_is_refused(place: Path, sweeprun: Command) -> None:
    Path("demo.yaml").write_text(SOURCE.replace("val_loss", "{name: val_acc, goal: maximize}"))
    done = sweeprun("import", "optuna", "old.log", "demo.yaml")
    assert (done.code, Path("sweeps").exists()) == (2, False)
    assert "the study 'old' is to minimize what the sweep file is to maximize: val_acc" in done.err


def test_a_study_of_several_values_needs_a_file_of_as_many_metrics(place: Path, sweeprun: Command) -> None:
    optuna.create_study(storage=journal("two.log"), study_name="two", directions=["minimize", "maximize"])
    done = sweeprun("import", "optuna", "two.log", "demo.yaml")
    assert (done.code, "the study 'two' has 2 values; the sweep file has a metric: val_loss" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.db", None, "cannot read gone.db: No such file or directory"),
        ("text.log", b"hello\n", "text.log is neither a journal nor a SQLite database of Optuna"),
        ("json.log", b'{"epoch": 1}\n', "json.log is neither a journal nor a SQLite database of Optuna"),
        ("bytes.log", b"\x80\x81\n", "bytes.log is neither a journal nor a SQLite database of Optuna"),
        ("empty.log", b"", "empty.log is neither a journal nor a SQLite database of Optuna"),
        ("odd.log", b'{"op_code": 0}\n', "Optuna cannot read odd.log: 'study_name'"),
        ("torn.log", FOUNDED + b'{"op\n{}\n', "Optuna cannot read torn.log: "),
        ("bytes.db", b"SQLite format 3\0 and no more", "Optuna cannot read bytes.db: (sqlite3.DatabaseError)"),
    ],
)
def test_what_is_no_storage_is_refused(
    build: Command, sweeprun: Command, name: str, content: bytes | None, message: str
) -> None:
    build()
    if content is not None:
        Path(name).write_bytes(content)
    done = sweeprun("import", "optuna", name, "demo.yaml")
    assert (done.code, message in done.err) == (2, True), done.err


def test_without_the_package_the_way_to_it_is_said(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    monkeypatch.setitem(sys.modules, "optuna", None)
    for words in (("import", "optuna", "old.log", "demo.yaml"), ("export", "optuna", "-o", "new.log")):
        done = sweeprun(*words)
        assert (done.code, done.err) == (
            2, "sweeprun: this needs the package optuna\n  pip install 'sweeprun[optuna]'\n",
        )  # fmt: skip


# ---- and back


def reopened(target: str) -> optuna.Study:
    storage = RDBStorage(f"sqlite:///{target}") if target.endswith(".db") else journal(target)
    return optuna.load_study(study_name="demo", storage=storage)


def exported(sweeprun: Command, target: str) -> optuna.Study:
    done = sweeprun("export", "demo", "optuna", "-o", target)
    assert (done.code, done.out) == (0, ""), done.err
    return reopened(target)


@pytest.mark.parametrize("target", ["new.log", "new.db"])
def test_optuna_opens_what_is_exported(build: Command, sweeprun: Command, target: str) -> None:
    built = build()
    built.ended(0.5, lr=0.1, layers=2)
    built.ended(0.25, values={"acc": 0.9}, lr=1e-3, layers=8)
    built.ended(0.75, TrialState.PRUNED, step=2)
    built.failed("exit code 1: boom")
    built.waiting()
    study = exported(sweeprun, target)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    assert (study.direction.name, study.metric_names, study.best_trial.number) == ("MINIMIZE", ["val_loss"], 1)
    best, pruned, failed = study.trials[1:]
    assert best.params == {"lr": 1e-3, "layers": 8}
    assert best.distributions == {
        "lr": FloatDistribution(1e-5, 1e-1, log=True),
        "layers": CategoricalDistribution((2, 4, 8)),
    }
    assert pruned.intermediate_values == {2: 0.75}
    assert best.datetime_start <= best.datetime_complete
    ours = best.user_attrs["sweeprun"]
    assert (ours["number"], ours["params"], ours["values"]) == (1, best.params, {"val_loss": 0.25, "acc": 0.9})
    assert failed.user_attrs["sweeprun"]["failure"] == "crash"
    study.ask({"lr": FloatDistribution(1e-5, 1e-1, log=True), "layers": CategoricalDistribution((2, 4, 8))})


def test_what_has_not_ended_is_left_out_and_counted(build: Command, sweeprun: Command) -> None:
    built = build()
    built.ended(0.5)
    built.waiting()
    assert sweeprun("export", "optuna", "-o", "new.log").err == "new.log: study demo with 1 trial; 1 has not ended\n"


def test_a_file_that_is_there_is_replaced_whole_and_no_other_is_left(build: Command, sweeprun: Command) -> None:
    build().ended(0.5)
    Path("new.log").write_text("old")
    assert len(exported(sweeprun, "new.log").trials) == 1
    assert {path.name for path in Path().iterdir()} == {"demo.yaml", "sweeps", "new.log"}


def test_a_place_of_any_name_will_do(build: Command, sweeprun: Command) -> None:
    build().ended(0.5)
    where = Path("a ?#%41 b")
    where.mkdir()
    assert sweeprun("export", "demo", "optuna", "-o", where / "new.db").code == 0
    assert sweeprun("import", "optuna", where / "new.db", "demo.yaml", "--root", "others").code == 0
    assert len(Sweep(Path("others/demo")).trials()) == 1


@pytest.mark.parametrize("words", [(), ("-o", "-"), ("-o", "gone/new.log")])
def test_without_a_file_to_write_it_is_refused(build: Command, sweeprun: Command, words: tuple[str, ...]) -> None:
    build()
    assert sweeprun("export", "optuna", *words).code == 2


EVERYTHING = """
command: python -c pass ${args}
metric: {name: val_loss, goal: maximize}
parameters:
  epochs: 3
  model: [[1, 2], {wide: true}]
  mixed: [1, true, 1.5, text]
  optimizer: [sgd, adam]
  momentum: {min: 0.0, max: 0.9, step: 0.3, when: {optimizer: sgd}}
  decay: {any: [0, {min: 1e-5, max: 1e-1, log: true}]}
  n_blocks: {min: 1, max: 3}
  width: {values: [8, 16], repeat: n_blocks}
  warmup: {expr: round(0.1 * epochs)}
linked:
  augment: [{aug: none, mixup: 0.0}, {aug: rand, mixup: 0.2}]
algorithm: random
budget: 6
"""


def test_everything_that_a_sweep_file_can_say_comes_back(build: Command, sweeprun: Command) -> None:
    built = build(source=EVERYTHING)
    built.params = {}
    asked = [sweeprun("check", "demo.yaml", "--draw", "1")]
    assert asked[0].code == 0
    common = {"epochs": 3, "warmup": 0}
    there = [
        {**common, "model": [1, 2], "mixed": True, "optimizer": "sgd", "momentum": 0.3, "decay": 0, "n_blocks": 2,
         "width": [8, 16], "aug": "rand", "mixup": 0.2},
        {**common, "model": {"wide": True}, "mixed": 1, "optimizer": "adam", "decay": 0.001, "n_blocks": 1,
         "width": [16], "aug": "none", "mixup": 0.0},
        {**common, "model": [3], "mixed": "text", "optimizer": "adam", "decay": 0.001, "n_blocks": 9,
         "width": [16], "aug": "none", "mixup": 0.0},
    ]  # fmt: skip
    for value, params in enumerate(there):
        built.ended(float(value), **params)
    first, second, outside = exported(sweeprun, "new.log").trials
    assert first.params == {
        "model": "[1, 2]", "mixed": "true", "optimizer": "sgd", "momentum": 0.3, "n_blocks": 2, "aug": "rand",
        "mixup": 0.2,
    }  # fmt: skip
    assert (second.params["model"], second.params["mixed"]) == ('{"wide": true}', "1")
    assert set(outside.params) == {"mixed", "optimizer", "aug", "mixup"}  # an edited space has no others
    done = sweeprun("import", "optuna", "new.log", "demo.yaml", "--root", "others")
    back = Sweep(Path("others/demo")).trials()
    assert [(trial.params, trial.values) for trial in back] == [
        (trial.params, trial.values) for trial in built.sweep.trials()
    ]
    assert done.err.count("is kept and does not inform the search") == 1
