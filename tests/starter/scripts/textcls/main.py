"""Tells words of Python from other words, by their letters; arguments in a module of their own, progress by tqdm."""

import json
import os
import random
from math import exp, log

from options import parse_args


class Progress:
    """As much of tqdm as this script uses, so that it runs without it."""

    @staticmethod
    def write(text):
        print(text, flush=True)


tqdm = Progress()


def featurize(word, n):
    padded = f"^{word}$"
    return [padded[i : i + n] for i in range(len(padded) - n + 1)]


def predict(weights, features):
    return 1 / (1 + exp(-max(-30, min(30, sum(weights.get(f, 0.0) for f in features)))))


def load(kind):
    import builtins
    import keyword

    right = keyword.kwlist if kind == "keywords" else [name for name in dir(builtins) if name.islower()]
    wrong = [f"{a}{b}" for a in ("qu", "zi", "xo", "wy", "ma") for b in ("nt", "rk", "st", "ble", "ing", "o", "ux")]
    examples = [(word, 1) for word in right] + [(word, 0) for word in wrong]
    random.Random(0).shuffle(examples)
    return examples[: len(examples) * 3 // 4], examples[len(examples) * 3 // 4 :]


def train_one_epoch(weights, examples, lr, args):
    loss = 0.0
    for word, label in examples:
        features = featurize(word, args.ngrams)
        p = predict(weights, features)
        loss -= log(p if label else 1 - p)
        for feature in features:
            weights[feature] = weights.get(feature, 0.0) * (1 - lr * args.l2) - lr * (p - label)
    return loss / len(examples)


def evaluate(weights, examples, args):
    hits, loss = 0, 0.0
    for word, label in examples:
        p = predict(weights, featurize(word, args.ngrams))
        hits += (p > 0.5) == (label == 1)
        loss -= log(p if label else 1 - p)
    return {"accuracy": hits / len(examples), "loss": loss / len(examples)}


def main():
    args = parse_args()
    train_set, dev_set = load(args.data)
    weights, lr = {}, args.learning_rate
    for epoch in range(args.num_epochs):
        train_loss = train_one_epoch(weights, train_set, lr, args)
        result = evaluate(weights, dev_set, args)
        tqdm.write(f"Epoch {epoch}: train_loss={train_loss:.4f} dev_accuracy={result['accuracy']:.1%} lr={lr:.2e}")
        lr *= args.lr_gamma
    os.makedirs(args.output_dir, exist_ok=True)
    with open(os.path.join(args.output_dir, "weights.json"), "w") as file:
        json.dump(weights, file)


if __name__ == "__main__":
    main()
