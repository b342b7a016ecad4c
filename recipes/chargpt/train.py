"""A tiny character transformer on the text that ships with Python: what `help("for")` and its like print.

Alone: `python train.py`, with the parameters below. In a sweep: see sweep.yaml; parameters come from the file that
sweeprun names, so there is nothing to parse. The same parameters and seed give the same numbers on CPU, whether the
training is interrupted and continued or not. The text changes with the version of Python, and the numbers with it.
"""

from __future__ import annotations

import math
import string
from pydoc_data.topics import topics

import torch
from torch import nn
from torch.nn import functional

import sweeprun
from sweeprun.integrations.torch import load_checkpoint, save_checkpoint, seed_everything

VOCABULARY = string.printable[:-2]  # all but two kinds of page break
CONTEXT = 32  # characters that a prediction looks back at
REPORT_EVERY = 25  # iterations
DEFAULTS = {
    "iterations": 500,
    "batch_size": 32,
    "width": 48,
    "n_blocks": 2,
    "n_heads": 4,
    "lr": 1e-2,
    "schedule": "cosine",
    "warmup": 0.1,  # a share of the iterations; not for one_cycle, which begins with one of its own
    "end_fraction": 0.1,  # of the rate: what cosine and exponential come down to
    "n_drops": 2,  # step: how often,
    "drop_to": 0.3,  # and to what fraction each time
    "peak_at": 0.3,  # one_cycle: after this share of the iterations,
    "start_fraction": 0.04,  # from this fraction of the rate
    "clip": 1.0,  # the longest gradient; None: as it comes
    "beta2": 0.99,
    "weight_decay": 0.01,
}


def load_data() -> tuple[torch.Tensor, torch.Tensor]:
    """The text as positions in VOCABULARY, to train and to validate with; every tenth topic validates."""
    texts = [topics[name] for name in sorted(topics)]
    chosen = [text for i, text in enumerate(texts) if i % 10], texts[::10]
    training, validation = (encoded("\n\n".join(part)) for part in chosen)
    return training, validation


def encoded(text: str) -> torch.Tensor:
    positions = {character: i for i, character in enumerate(VOCABULARY)}
    return torch.tensor([positions[character] for character in text if character in positions])


def rate(params: sweeprun.Params, done: float) -> float:
    """The learning rate when the share `done` of all iterations is over, 0 < done < 1."""
    if params.schedule == "one_cycle":  # up along half a cosine, then down along another one
        start, peak = params.start_fraction, params.peak_at
        if done < peak:
            return params.lr * (start + (1 - start) * half_cosine(1 - done / peak))
        return params.lr * half_cosine((done - peak) / (1 - peak))
    if done < params.warmup:
        return params.lr * done / params.warmup
    decayed = (done - params.warmup) / (1 - params.warmup)
    match params.schedule:
        case "constant":
            return params.lr
        case "step":
            return params.lr * params.drop_to ** math.floor(decayed * (params.n_drops + 1))
        case "exponential":
            return params.lr * params.end_fraction**decayed
        case "cosine":
            return params.lr * (params.end_fraction + (1 - params.end_fraction) * half_cosine(decayed))
    raise SystemExit(f"schedule {params.schedule!r}: constant, step, exponential, cosine or one_cycle")


def half_cosine(done: float) -> float:
    """From 1 at 0 to 0 at 1, level at both ends."""
    return (1 + math.cos(math.pi * done)) / 2


class Block(nn.Module):
    """Attention to what came before, then a perceptron, each of them on normalised input and added to it."""

    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.attention_norm, self.perceptron_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (batch, length, width)
        heads = self.queries_keys_values(self.attention_norm(x)).unflatten(2, (3, self.n_heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)  # each (batch, head, length, width of a head)
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.mixed(attended.transpose(1, 2).flatten(2))
        return x + self.perceptron(self.perceptron_norm(x))


class Transformer(nn.Module):
    """Characters to the logits of the character that follows each of them."""

    def __init__(self, width: int, n_blocks: int, n_heads: int):
        super().__init__()
        self.characters, self.places = nn.Embedding(len(VOCABULARY), width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*(Block(width, n_heads) for _ in range(n_blocks)), nn.LayerNorm(width))
        for embedding in (self.characters, self.places):
            nn.init.normal_(embedding.weight, std=0.02)  # logits are products with it, and begin near zero

    def forward(self, text: torch.Tensor) -> torch.Tensor:  # (batch, length) to (batch, length, character)
        x = self.characters(text) + self.places.weight[: text.shape[1]]
        return self.blocks(x) @ self.characters.weight.T

    def loss(self, windows: torch.Tensor) -> torch.Tensor:
        """Nats per character on `windows` (batch, CONTEXT + 1)."""
        return functional.cross_entropy(self(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


def train(
    model: Transformer, optimizer: torch.optim.Optimizer, text: torch.Tensor, params: sweeprun.Params, iteration: int
) -> float:
    """One iteration, number `iteration` from 0; returns its loss."""
    starts = torch.randint(len(text) - CONTEXT, (params.batch_size,))
    loss = model.loss(text[starts[:, None] + torch.arange(CONTEXT + 1)])
    optimizer.zero_grad()
    loss.backward()
    if params.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), params.clip)
    for group in optimizer.param_groups:
        group["lr"] = rate(params, (iteration + 0.5) / params.iterations)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model: Transformer, text: torch.Tensor, n_windows: int = 100) -> float:
    starts = torch.linspace(0, len(text) - CONTEXT - 1, n_windows).long()
    return model.loss(text[starts[:, None] + torch.arange(CONTEXT + 1)]).item()


def main() -> None:
    params = sweeprun.params(**DEFAULTS)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    seed_everything()

    training, validation = load_data()
    model = Transformer(params.width, params.n_blocks, params.n_heads)
    optimizer = torch.optim.AdamW(
        model.parameters(), params.lr, betas=(0.9, params.beta2), weight_decay=params.weight_decay
    )
    iteration, extra, inherited = load_checkpoint(model, optimizer)  # the next batches are those that would have come
    leave = False
    if iteration > 0 and not inherited:
        leave = sweeprun.report(**extra["metrics"])  # again: the end may have come between saving and reporting

    losses: list[float] = []
    while iteration < params.iterations and not leave:
        losses.append(train(model, optimizer, training, params, iteration))
        iteration += 1
        if iteration % REPORT_EVERY and iteration < params.iterations:
            continue
        train_loss, val_loss = sum(losses) / len(losses), evaluate(model, validation)
        metrics = {"iteration": iteration, "train_loss": train_loss, "val_loss": val_loss}
        save_checkpoint(iteration, model, optimizer, metrics=metrics)
        leave = sweeprun.report(**metrics)  # save, then report: the answer to a report may be the end
        losses.clear()


if __name__ == "__main__":
    main()
