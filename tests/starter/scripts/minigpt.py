"""A character model trained by iterations, evaluated every so often: one loop, no epochs."""
# ruff: noqa - written as such scripts are

import argparse
import string

import numpy as np

eval_interval = 25
block_size = 3
learning_rate = 3e-1


def build_parser():
    p = argparse.ArgumentParser()
    p.add_argument("--learning-rate", type=float, default=learning_rate)
    p.add_argument("--max-iters", type=int, default=100)
    p.add_argument("--eval-interval", type=int, default=eval_interval)
    p.add_argument("--n-embd", type=int, default=16)
    p.add_argument("--n-head", type=int, default=4)
    p.add_argument("--warmup-iters", type=int, default=10)
    p.add_argument("--betas", type=float, nargs=2, default=(0.9, 0.95))
    p.add_argument("--compile", action="store_true")
    return p


args = build_parser().parse_args()
text = string.ascii_lowercase * 3 + string.digits * 2
stoi = {c: i for i, c in enumerate(sorted(set(text)))}
data = np.array([stoi[c] for c in text])
rng = np.random.default_rng(1337)
embedding = rng.normal(0, 0.3, (len(stoi), args.n_embd))
head = rng.normal(0, 0.3, (args.n_embd, len(stoi)))


def forward(x):
    logits = embedding[x] @ head
    logits = logits - logits.max(1, keepdims=True)
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def estimate_loss():
    out = {}
    for split, part in (("train", data[:70]), ("val", data[70:])):
        out[split] = -np.log(forward(part[:-1])[np.arange(len(part) - 1), part[1:]] + 1e-9).mean()
    return out


for iter in range(args.max_iters):
    if iter % args.eval_interval == 0 or iter == args.max_iters - 1:
        losses = estimate_loss()
        print(f"step {iter}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
    lr = args.learning_rate * min(1.0, (iter + 1) / max(1, args.warmup_iters))
    at = rng.integers(0, 69, size=8)
    x, y = data[at], data[at + 1]
    gradient = forward(x)
    gradient[np.arange(len(y)), y] -= 1
    step_out = embedding[x].T @ gradient / len(y)
    np.subtract.at(embedding, x, lr * gradient @ head.T / len(y))
    head -= lr * step_out
