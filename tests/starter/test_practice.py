"""Where people look for good values, by the names that parameters have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.starter import practice, ranges
from sweeprun.starter.arguments import Argument
from sweeprun.starter.practice import TABLE
from sweeprun.starter.setting import Setting

Read = Callable[..., Any]


def entry(name: str, default: Any = None, setting: Setting | None = None, **more: Any) -> Any:
    order = practice.rank(name)
    assert order is not None
    argument = Argument(f"--{name}", default=default, **{"type": "float", **more})
    return TABLE[order].advise(argument, setting or Setting())[0]


@pytest.mark.parametrize(
    ("optimizers", "low", "high"),
    [(("sgd",), 1e-3, 1.0), (("adam",), 1e-5, 1e-2), (("adamw", "radam"), 1e-5, 1e-2), (("adam", "sgd"), 1e-5, 1.0)],
)
def test_a_learning_rate_is_searched_a_decade_beyond_what_its_optimizers_mostly_want(
    optimizers: tuple[str, ...], low: float, high: float
) -> None:
    assert entry("lr", None, Setting(optimizers)) == {"min": low, "max": high, "log": True}


def test_transformers_and_fine_tuning_want_smaller_rates() -> None:
    smaller = {"min": 5e-6, "max": 5e-3, "log": True}
    assert entry("learning_rate", 5e-5, Setting(("adamw",), finetunes=True)) == smaller
    assert entry("learning_rate", 3e-4, Setting(("adamw",), attends=True)) == smaller


def test_a_rate_of_which_nothing_is_known_is_searched_around_its_default() -> None:
    assert entry("lr", 20) == {"min": 2.0, "max": 200.0, "log": True}
    assert entry("lr", None) == {"min": 1e-5, "max": 0.1, "log": True}


@pytest.mark.parametrize("default", [1e-7, 3e-4, 0.5, 7.0])
@pytest.mark.parametrize("optimizers", [(), ("sgd",), ("adamw",), ("adadelta", "lbfgs")])
def test_the_script_s_own_default_is_always_inside(default: float, optimizers: tuple[str, ...]) -> None:
    for name in ("lr", "clip_norm", "temperature", "ent_coef"):
        found = entry(name, default, Setting(optimizers))
        assert found["min"] <= default <= found["max"]


@pytest.mark.parametrize("name", ["dropout", "momentum", "label_smoothing", "gamma", "beta2", "warmup_ratio", "mixup"])
@pytest.mark.parametrize("default", [0.05, 0.3, 0.9, 0.97])
def test_so_it_is_for_shares_and_factors(name: str, default: float) -> None:
    found = entry(name, default)
    assert default in found if isinstance(found, list) else found["min"] <= default <= found["max"]


@pytest.mark.parametrize("name", ["batch-size", "hidden_dim", "n_layers", "step_size", "warmup_steps"])
@pytest.mark.parametrize("default", [1, 3, 64, 100])
def test_so_it_is_for_whole_numbers(name: str, default: int) -> None:
    found = entry(name, default, type="int")
    assert default in found if isinstance(found, list) else found["min"] <= default <= found["max"]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("lr", "learning_rate"), ("lr", "learningRate"), ("lr", "max-lr"), ("lr", "base_lr"), ("lr", "initial-lr"),
        ("weight_decay", "wd"), ("weight_decay", "l2"), ("batch_size", "bs"), ("batch_size", "train-batch-size"),
        ("batch_size", "per_device_train_batch_size"), ("dropout", "dropout-rate"), ("dropout", "attn_pdrop"),
        ("warmup", "num_warmup_steps"), ("warmup", "warmup-ratio"), ("clip", "max_grad_norm"), ("clip", "grad-clip"),
        ("n_layers", "nlayers"), ("n_layers", "num_hidden_layers"), ("n_layers", "depth"), ("hidden", "d_model"),
        ("hidden", "n_embd"), ("hidden", "hidden-size"), ("hidden", "emsize"), ("hidden", "nhid"),
        ("beta2", "adam_beta2"),
        ("optimizer", "opt"), ("lr_scheduler", "scheduler"), ("label_smoothing", "label-smoothing"),
    ],
)  # fmt: skip
def test_one_thing_has_many_names(one: str, same: str) -> None:
    assert practice.rank(one) == practice.rank(same) is not None


@pytest.mark.parametrize(
    "name",
    ["seed", "min_lr", "vocab_size", "image_size", "block_size", "test_batch_size", "log_interval", "classes", "eps"],
)
def test_others_only_look_alike(name: str) -> None:
    assert practice.rank(name) is None


def test_the_learning_rate_comes_first() -> None:
    names = ["lr", "optimizer", "weight_decay", "batch_size", "dropout", "n_layers", "beta1"]
    ranks = [practice.rank(name) for name in names]
    assert ranks == sorted(ranks, key=lambda order: order or 0)
    assert ranks[0] == 0


def test_widths_stay_multiples_of_the_heads() -> None:
    assert entry("n_embd", 384, Setting(attends=True, heads=6)) == [192, 384, 768]
    assert entry("n_embd", 12, Setting(attends=True, heads=4)) == [12, 24]


@pytest.mark.parametrize(
    ("text", "optimizers"),
    [
        ("torch.optim.SGD(model.parameters())", ("sgd",)),
        ("from torch.optim import Adam\nAdam(x)", ("adam",)),
        ("model.compile(optimizer='adamw')", ("adamw",)),
        ("optax.sgd(1e-2) if x else optax.adam(1e-3)", ("adam", "sgd")),
        ("def momentum(): ...", ()),
    ],
)
def test_the_optimizer_is_told_from_the_text(parsed: Read, text: str, optimizers: tuple[str, ...]) -> None:
    assert Setting.of(parsed(text), ()).optimizers == optimizers


def test_what_an_argument_offers_counts_more_than_what_is_mentioned(parsed: Read) -> None:
    offered = Argument("--opt", choices=("SGD", "AdamW"))
    assert Setting.of(parsed("optim.LBFGS; 'rprop'"), [offered]).optimizers == ("adamw", "sgd")


def test_numbers_are_written_short_and_read_back_the_same() -> None:
    assert [ranges.written(x) for x in (1e-4, 3.5e-6, 0.05, 1.0, 2e6, 0.0)] == [
        "1e-4",
        "3.5e-6",
        "0.05",
        "1.0",
        "2e6",
        "0.0",
    ]
    for x in (1e-300, 0.1 + 0.2, 123456.789, -3e-5):
        assert float(ranges.written(x)) == x
