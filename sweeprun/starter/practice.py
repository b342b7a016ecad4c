"""Common practice in one table: what parameters of training programs are called, and where people look for good values.

The first line of the table that fits a name counts; the order is that of importance, so what comes first is searched
first. A range is a starting point that costs little when it is too wide: ends are a decade beyond what usually works.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sweeprun.starter import ranges
from sweeprun.starter.arguments import Argument
from sweeprun.starter.ranges import Entry, number
from sweeprun.starter.setting import ADAM, SGD, Setting

_OPTIMIZER = re.compile(r"(optim|optimizer|optimiser|opt|solver)(_(name|type))?")

Advice = Callable[[Argument, Setting], tuple[Entry, str]]


@dataclass(frozen=True)
class Practice:
    """For names that match: what to try and why. `first_choice`: searched where there is room, else only suggested."""

    names: re.Pattern[str]
    advise: Advice
    first_choice: bool


def rank(name: str) -> int | None:
    """How early a parameter is worth searching, from 0; None for a name without a practice."""
    return next((i for i, practice in enumerate(TABLE) if practice.names.fullmatch(normal(name))), None)


def names_optimizer(name: str) -> bool:
    """Whether a parameter of this name chooses the optimizer."""
    return _OPTIMIZER.fullmatch(normal(name)) is not None


def normal(name: str) -> str:
    """A name as the table has it: `--Batch-Size` and `batchSize` are `batch_size`."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[-.]", "_", snake).lower()


def _learning_rate(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    known = set(setting.optimizers)
    usual = [(name, low, high) for name, kinds, low, high in _RATES if known & kinds]
    if setting.finetunes or (setting.attends and not known & SGD):
        what = "fine-tuning" if setting.finetunes else "transformers"
        return ranges.log_range(
            5e-6, 5e-3, argument.default
        ), f"{what} mostly 5e-5 to 5e-4; a decade more on both sides"
    if not usual:
        default = number(argument.default)
        if not default:
            return ranges.log_range(1e-5, 1e-1, None), "wide, as neither a default nor an optimizer is known"
        return ranges.decade(default), "a decade on both sides of the default"
    low, high = min(each[1] for each in usual), max(each[2] for each in usual)
    entry = ranges.log_range(low / 10, high * 10, argument.default)
    if len(usual) == 1:
        return entry, f"{_usual(*usual[0])}; a decade more on both sides"
    return entry, f"one range for {' and '.join(_usual(*each) for each in usual)}: a sweep for each is sharper"


def _usual(name: str, low: float, high: float) -> str:
    return f"{name} mostly {ranges.written(low)} to {ranges.written(high)}"


_RATES = (
    ("SGD", SGD, 1e-2, 1e-1),
    ("Adam", ADAM, 1e-4, 1e-3),
    ("Lion", frozenset({"lion"}), 1e-5, 1e-4),
    ("Adadelta", frozenset({"adadelta"}), 0.1, 1.0),
    ("Adagrad", frozenset({"adagrad"}), 1e-2, 1e-1),
    ("LBFGS", frozenset({"lbfgs"}), 0.1, 1.0),
)


def _weight_decay(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    if "adamw" in setting.optimizers:
        decay, why = ranges.log_range(1e-4, 0.3, argument.default), "AdamW mostly 0.01 to 0.1"
    else:
        decay, why = ranges.log_range(1e-6, 1e-2, argument.default), "mostly 1e-5 to 1e-3"
    return ranges.or_zero(decay, 0.0), f"none at all, or {why.removeprefix('mostly ')}; a decade more on both sides"


def _batch_size(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    return ranges.doubled(argument.default, 64, 1, 2), "changes which lr is best, so both are searched together"


def _momentum(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    default = number(argument.default)
    if default == 0:
        return ranges.or_zero(ranges.linear(0.8, 0.99, None), 0.0), "none, as now, or the usual 0.8 to 0.99"
    return ranges.linear(0.8, 0.99, default), "0.9 mostly works, more at times better"


def _width(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    divisor = setting.heads if setting.attends or setting.heads > 1 else 1
    multiple = f"; multiples of the {divisor} heads" if divisor > 1 else ""
    return ranges.doubled(argument.default, 128, 1, 1, divisor), f"half as wide, and twice{multiple}"


def _depth(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    return ranges.near(argument.default, 2), "deeper is not always better"


def _heads(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    return ranges.doubled(argument.default, 4), "the width must be a multiple of it"


def _warmup(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    default = number(argument.default)
    if "ratio" in argument.name or "frac" in argument.name or argument.type == "float":
        return ranges.linear(0.0, 0.2, default), "the share of training in which the rate rises"
    base = int(default) if default else 100
    return sorted({0, base, base * 2, base * 4}), "none, or so many steps in which the rate rises"


def _decay_factor(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    if setting.reinforcement:
        return ranges.choices([0.9, 0.95, 0.99, 0.995, 0.999], argument.default), "the discount: how far it looks ahead"
    default = number(argument.default)
    if default is not None and default >= 0.9:
        return ranges.linear(0.9, 0.999, default), "the rate shrinks by this factor"
    return ranges.choices([0.1, 0.3, 0.5, 0.7, 0.9], default), "the rate shrinks by this factor"


def _decay_interval(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    return ranges.doubled(argument.default, 10), "how long the rate stays between two steps down"


def _clipping(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    default = number(argument.default)
    entry = ranges.log_range(0.1, 10.0, default)
    if default == 0:
        return ranges.or_zero(entry, 0.0), "none, as now, or so much; 1 is common"
    return entry, "1 is common; small values calm a training that jumps"


def _smoothing(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    return ranges.choices([0.0, 0.05, 0.1, 0.2], argument.default), "0.1 is common; no loss of it compares with another"


def _choice(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    return list(argument.choices), "what the script offers"


def _strength(argument: Argument, setting: Setting) -> tuple[Entry, str]:
    default = number(argument.default)
    entry = ranges.decade(default, 0.01, 100.0) if default and default > 0 else ranges.log_range(1e-3, 10.0, None)
    return entry, "of a penalty only the order of magnitude matters"


def _fractions(low: float, high: float, why: str) -> Advice:
    return lambda argument, setting: (ranges.linear(low, high, argument.default), why)


def _logarithmic(low: float, high: float, why: str) -> Advice:
    return lambda argument, setting: (ranges.log_range(low, high, argument.default), why)


def _of(values: tuple[float, ...], why: str) -> Advice:
    return lambda argument, setting: (ranges.choices(values, argument.default), why)


def _line(names: str, advise: Advice, first_choice: bool = True) -> Practice:
    return Practice(re.compile(names), advise, first_choice)


TABLE: tuple[Practice, ...] = (
    _line(
        r"((base|init|initial|max|peak|start)_)?(lr|learning_?rate|lrate|step_size_init)(_init|0|_max)?", _learning_rate
    ),
    Practice(_OPTIMIZER, _choice, True),
    _line(r"(weight_?decay|wd|l2(_reg(ularization)?)?|weight_decay_rate)", _weight_decay),
    _line(r"((train|training|mini|per_device_train|n)_?)?(batch_?(size|sz)?|bs|batch)", _batch_size),
    _line(r"warm_?up(_(steps|epochs|iters|iterations|ratio|frac(tion)?|proportion))?|n(um)?_warmup_\w+", _warmup),
    _line(
        r"(\w+_)?(drop_?out|drop_?path|pdrop|p_drop)(_(rate|prob|p|ratio))?|drop(_(rate|prob))?",
        _fractions(0.0, 0.5, "0.1 to 0.3 is common; more for small data"),
    ),
    _line(r"(lr_?)?(sched(uler)?|schedule)(_(type|name))?|lr_(policy|decay_style|scheduler_type)", _choice),
    _line(r"momentum", _momentum),
    _line(
        r"(n_?|num_?)?(hidden|hid|embd?|embed(ding)?|em|ff?n|width|channels|filters|units|d_?model|latent|model)?_?"
        r"(width|channels|filters|units|hid|hidden|embd?|size|dims?|features|d_?model|dimension|neurons)",
        _width,
    ),
    _line(r"(n_?|num_?|hidden_?|encoder_?)*(layers?|blocks?)|depth|max_depth", _depth),
    _line(
        r"((grad|gradient|max_grad|max)_?)?(clip(ping|_grad|_norm|_value|_val|_thresh)?|(max_)?grad_norm|norm_clip)"
        r"(_norm)?",
        _clipping,
    ),
    _line(r"label_smoothing(_factor)?|smoothing", _smoothing),
    _line(r"(lr_?)?gamma|lr_(decay|factor|decay_factor|mult)|decay_(rate|factor)", _decay_factor),
    _line(r"(lr_?)?(step_?size|decay_(steps?|epochs?|every|interval)|steps?_lr)|lr_step", _decay_interval),
    _line(r"(adam_)?beta_?1|b1", _of((0.8, 0.9, 0.95), "0.9 nearly always works"), False),
    _line(r"(adam_)?beta_?2|b2", _of((0.95, 0.98, 0.99, 0.999), "lower where gradients are rare or jumpy"), False),
    _line(r"mixup(_alpha)?|cutmix(_alpha)?", _fractions(0.0, 0.4, "0 is off; more for longer trainings")),
    _line(
        r"(rand_?)?aug(ment(ation)?)?_?(strength|magnitude|m|mag|prob|p)|(flip|crop|erase|erasing|jitter)_?(prob|p)",
        _fractions(0.0, 1.0, "how much the data is varied"),
    ),
    _line(r"temp(erature)?|tau", _logarithmic(0.05, 5.0, "a scale: only its order of magnitude matters")),
    _line(r"(n_?|num_?)?(attn_?|attention_?)?n?_?heads?|nhead", _heads, False),
    _line(r"activation|act(_fn)?|nonlinearity|norm(_layer|alization)?|init(ializ(er|ation))?", _choice, False),
    _line(r"ema(_(decay|rate|momentum))?", _of((0.99, 0.995, 0.999, 0.9999), "how long the average looks back"), False),
    _line(r"gae_lambda|lam(bda)?_?gae", _fractions(0.9, 1.0, "0.95 is common")),
    _line(r"clip_(range|coef|eps(ilon)?|ratio)|eps_clip", _fractions(0.1, 0.3, "0.2 is common")),
    _line(r"(ent|entropy)_(coef|weight|beta|coeff)", _logarithmic(1e-4, 0.1, "more of it explores more")),
    _line(
        r"n_estimators|num_trees|num_boost_round",
        lambda a, s: (ranges.doubled(a.default, 100, 1, 2), "more trees cost more"),
    ),
    _line(r"subsample|colsample_\w+|(max_)?features_fraction", _fractions(0.5, 1.0, "a share of rows or columns")),
    _line(
        r"min_(samples_\w+|child_weight)|min_data_in_leaf", lambda a, s: (ranges.near(a.default, 2), "more is smoother")
    ),
    _line(
        r"c|reg(_?(lambda|alpha|param|strength))?|alpha|l1|lambda_?\w*|lmbda|penalty_weight",
        _strength,
    ),
    _line(r"n_neighbors|k_neighbors|num_neighbors", lambda a, s: (ranges.near(a.default, 5), "more is smoother")),
)
