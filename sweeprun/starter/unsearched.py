"""Arguments that are not searched, and why: they cannot be handed over, say how long a trial is, or do not matter."""

from __future__ import annotations

import re

from sweeprun.starter.arguments import Argument
from sweeprun.starter.practice import normal
from sweeprun.starter.ranges import number

_SECRET = re.compile(r"(\w+_)?(api_?key|auth|token|secret|password|passwd)")
_LENGTH = re.compile(
    r"(n_?|num_?|max_?|total_?|train(ing)?_?)*(epochs?|steps|iters?|iterations|updates|timesteps|rounds|ep)"
)
_OUTPUT = re.compile(
    r"(out(put)?|save|log(s|ging)?|ckpt|checkpoints?|results?|work|run|exp(eriment)?|model|weights|tensorboard|tb)"
    r"_?(dir(ectory)?|path|folder|file|root)|save(_to|_name)?|out(put)?|logdir|outdir|save_model_path|default_root_dir"
)
_MACHINE = "the machine"
_SHOWN = "what is shown or kept, not how it learns"
_REASONS = tuple(
    (re.compile(names), why)
    for names, why in (
        (r"(\w+_)?seed|random_state", "the same for all, so that they compare"),
        (r"(test|eval|val|valid|validation|per_device_eval)_(batch_?size|bs)", "changes nothing but the speed"),
        (r"(adam_)?eps(ilon)?", "hardly ever matters"),
        (r"min_lr|lr_min|eta_min|final_lr|end_lr", "where the schedule of the rate ends"),
        (
            r"((no|use)_)?(cuda|gpus?|accel|mps|device|accelerator|fp16|bf16|amp|compile|dtype|precision|tpu)(_\w+)?",
            _MACHINE,
        ),
        (r"(\w+_)?(n|num)_?(workers|threads|gpus|nodes|proc(s|esses)?|devices)(_\w+)?", _MACHINE),
        (r"workers|threads|j|jobs|n_jobs|(local_)?rank|world_size|dist_\w+|master_\w+|backend|nodes|ddp\w*", _MACHINE),
        (
            r"(\w+_)?(dir(ectory)?|paths?|root|folders?|files?|url|name|tag|project|entity|notes?|group)",
            "a place or a name",
        ),
        (r"data(set|_?root)?|corpus|input|checkpoint|ckpt|resume(_from)?|load(_\w+)?", "what it starts from"),
        (r"pretrained(_\w+)?|weights", "what it starts from"),
        (
            r"(\w+_)?(interval|freq(uency)?|every|period)|(log|print|plot|profile|progress|onnx|wandb|eval|save)(_\w+)?",
            _SHOWN,
        ),
        (r"verbose|quiet|debug|dry_run|test|evaluate|track|push_to_hub|hub_\w+|capture_video|report_to", _SHOWN),
        (r"(\w+_)?patience", "when it gives up, which the pruner decides better"),
        (
            r"(img|image|input|crop|vocab|block|seq(uence)?|context|bptt|max(_seq)?)_?(size|len(gth)?|dim)?",
            "part of the task",
        ),
        (r"(n|num)_?classes|classes", "part of the task"),
    )
)


def is_length(argument: Argument) -> bool:
    """Whether it says how long a trial is."""
    known = number(argument.default) is not None or argument.required
    return known and _LENGTH.fullmatch(normal(argument.name)) is not None and not argument.switch and not trap(argument)


def is_output(argument: Argument) -> bool:
    """Whether it says where the script writes; trials that share such a place spoil each other's files."""
    given = argument.default if isinstance(argument.default, str) else ""
    return _OUTPUT.fullmatch(normal(argument.name)) is not None and given.strip("./ ") != "" and "$" not in given


def is_secret(argument: Argument) -> bool:
    """Whether its value should stand in no file."""
    return _SECRET.fullmatch(normal(argument.name)) is not None


def trap(argument: Argument) -> str:
    """Why a value cannot be handed over as it is meant; empty where it can."""
    if argument.positional:
        return "positional: write it into the command where it is needed"
    if argument.short_only:
        return f"give it a long form in the script, such as -{argument.flag}: no other is written"
    if argument.several:
        return f"takes several words, and {argument.flag}=... is one"
    if argument.type == "bool":
        return "type=bool takes every text for true, false too; action=argparse.BooleanOptionalAction mends that"
    if argument.type == "" and number(argument.default) is not None and not argument.switch:
        return "has no type=, so the script would get text instead of a number"
    return ""


def reason(argument: Argument) -> str:
    """Why it is not worth searching, by its name; empty where nothing is known against it."""
    if is_secret(argument):
        return "what is secret belongs in no file: ${env:...} in the command"
    return next((why for names, why in _REASONS if names.fullmatch(normal(argument.name))), "")
