"""The darts recipe: weights and architecture learn from images of their own, and the strongest of it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

PROGRAM = "darts/train.py"
ARGUMENTS = ["--search_epochs=2", "--train_epochs=2", "--width=4"]
pytestmark = pytest.mark.slow  # each program imports torch


@pytest.fixture(scope="module")
def darts(module: Callable[[str], Any]) -> Any:
    return module(PROGRAM)


@pytest.fixture
def network(darts: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield darts.Network(4)


def test_it_searches_then_trains_and_continues_to_the_very_same_numbers_in_both(
    darts: Any, training: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (x, y), (x_validation, y_validation) = darts.load_data()
    monkeypatch.setattr(darts, "load_data", lambda: ((x[:384], y[:384]), (x_validation[:96], y_validation[:96])))
    whole, parts = (training(tmp_path / name, PROGRAM, *ARGUMENTS) for name in ("whole", "parts"))
    whole.finish_here(darts)
    for until in ("1", "2", "3"):  # within the search, between the two, within the training
        parts.finish_here(darts, SWEEPRUN_UNTIL=until)
    parts.finish_here(darts)
    assert parts.curve() == whole.curve()
    searched, trained = whole.reports(1)[:2], whole.reports(1)[2:]
    assert ["search_loss" in said for said in searched] == [True, True]
    assert ["val_loss" in said for said in searched + trained] == [False, False, True, True]
    assert trained[-1]["train_loss"] < trained[0]["train_loss"]
    [architecture] = {said["architecture"] for said in trained}
    assert capsys.readouterr().out.splitlines() == [f"found: {architecture}"] * 2


def test_weights_learn_from_one_half_and_the_architecture_from_the_other(
    darts: Any, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[int]] = {"weights": [], "architecture": []}
    monkeypatch.setattr(darts, "descend", lambda who, network, x, y: seen[who].extend(y.tolist()) or 0.0)
    darts.search_epoch(network, "weights", "architecture", (torch.zeros(201, 1, 8, 8), torch.arange(201)))
    assert sorted(seen["weights"]) == [*range(100)]
    assert sorted(seen["architecture"]) == [*range(100, 200)]


def test_a_step_of_one_leaves_the_other_alone(darts: Any, network: Any) -> None:
    weights = [weight for weight in network.parameters() if weight is not network.alpha]
    for moved, still in ([[network.alpha], weights], [weights, [network.alpha]]):
        before = [[each.clone() for each in group] for group in (moved, still)]
        darts.descend(torch.optim.SGD(moved, 0.1), network, torch.rand(8, 1, 8, 8), torch.arange(8))
        assert not all(a.equal(b) for a, b in zip(before[0], moved, strict=True))
        assert all(a.equal(b) for a, b in zip(before[1], still, strict=True))


def test_each_node_keeps_its_two_strongest_edges_with_the_strongest_operation_of_each(network: Any) -> None:
    torch.nn.init.zeros_(network.alpha)
    edge = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}
    none, skip, max_pool, conv, separable = range(5)
    with torch.no_grad():
        for ends, operation in {(0, 1): conv, (0, 2): skip, (1, 2): separable, (1, 3): max_pool, (2, 3): conv}.items():
            network.alpha[edge[ends], operation] = 2.0
        network.alpha[edge[0, 2], none] = 1.9  # it is no operation that could be kept, whatever its share
        network.alpha[edge[0, 3], none] = 9.0
    network.derive()
    assert network.architecture() == "1=conv(0) 2=skip(0)+separable(1) 3=max_pool(1)+conv(2)"
    assert not network.searching


def test_what_is_derived_begins_with_new_weights_and_uses_what_is_kept_alone(darts: Any, network: Any) -> None:
    before = network.classes[2].weight.clone()
    network.derive()
    assert not network.classes[2].weight.equal(before)
    darts.descend(torch.optim.SGD(network.parameters(), 0.1), network, torch.rand(8, 1, 8, 8), torch.arange(8))
    assert network.alpha.grad is None
    learning = {
        (int(edge), name)
        for edge, name in (
            re.findall(r"cells\.0\.edges\.(\d)\.(\w+)", path)[0]
            for path, weight in network.named_parameters()
            if "cells.0.edges" in path and weight.grad is not None
        )
    }
    kept = {(int(edge), darts.OPERATIONS[i]) for edge, i in network.kept.nonzero().tolist()}
    assert learning == {(edge, name) for edge, name in kept if name in ("conv", "separable")}


def test_mixing_evenly_is_undecided_and_one_operation_alone_is_not(network: Any) -> None:
    torch.nn.init.zeros_(network.alpha)
    assert network.undecided() == pytest.approx(1.0)
    with torch.no_grad():
        network.alpha[:, 2] = 30.0
    assert network.undecided() == pytest.approx(0.0, abs=1e-6)


def test_each_phase_has_a_cosine_of_its_own(darts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", "--search_epochs=2", "--train_epochs=4"])
    rates = [darts.rate(darts.parse_arguments(), epoch) for epoch in range(7)]
    assert rates == pytest.approx([1.0, 0.5, 1.0, 0.853553, 0.5, 0.146447, 0.0], abs=1e-5)
