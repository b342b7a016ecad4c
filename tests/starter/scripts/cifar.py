"""An image classifier with a choice of optimizers and a schedule, on small images; logs one line an epoch."""
# ruff: noqa - written as such scripts are

import argparse
import logging
import os
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

CHOICES = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
DEFAULT_LR = 1e-2

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s - %(levelname)s - %(message)s")
logger = logging.getLogger(__name__)


def get_args():
    parser = argparse.ArgumentParser()
    optimization = parser.add_argument_group("optimization")
    optimization.add_argument("--optimizer", default="sgd", choices=CHOICES.keys())
    optimization.add_argument("--lr", "--learning-rate", default=DEFAULT_LR, type=float)
    optimization.add_argument("--momentum", default=0.9, type=float)
    optimization.add_argument("--wd", "--weight-decay", default=5e-4, type=float, dest="weight_decay")
    optimization.add_argument("-b", "--batch-size", default=2**7, type=int)
    optimization.add_argument("-e", "--epochs", default=3, type=int)
    optimization.add_argument("--label-smoothing", default=0.0, type=float)
    optimization.add_argument("--nesterov", action=argparse.BooleanOptionalAction, default=True)
    model = parser.add_argument_group("model")
    model.add_argument("--width", default=32, type=int)
    model.add_argument("--dropout", default=0.1, type=float)
    model.add_argument("--pretrained", default=False, type=bool)
    parser.add_argument("--save-dir", default="checkpoints", type=str)
    parser.add_argument("-j", "--workers", default=4, type=int)
    parser.add_argument("--seed", default=42, type=int)
    return parser.parse_args()


def run_epoch(model, x, y, criterion, batch_size, optimizer=None):
    model.train(optimizer is not None)
    total_loss = n_right = 0
    for start in range(0, len(y), batch_size):
        images, labels = x[start : start + batch_size], y[start : start + batch_size]
        with torch.set_grad_enabled(optimizer is not None):
            out = model(images)
            loss = criterion(out, labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total_loss += loss.item() * len(labels)
        n_right += (out.argmax(1) == labels).sum().item()
    return total_loss / len(y), n_right / len(y)


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
    model = nn.Sequential(nn.Linear(64, args.width), nn.ReLU(), nn.Dropout(args.dropout), nn.Linear(args.width, 10))
    extra = {"momentum": args.momentum, "nesterov": args.nesterov} if args.optimizer == "sgd" else {}
    optimizer = CHOICES[args.optimizer](model.parameters(), lr=args.lr, weight_decay=args.weight_decay, **extra)
    criterion = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    best_acc = 0.0
    os.makedirs(args.save_dir, exist_ok=True)
    for epoch in range(args.epochs):
        train_loss, train_acc = run_epoch(model, x[:1400], y[:1400], criterion, args.batch_size, optimizer)
        logger.info("Epoch [%d/%d] train loss: %.4f  train acc: %.2f%%", epoch + 1, args.epochs, train_loss, 100 * train_acc)
        val_loss, val_acc = run_epoch(model, x[1400:], y[1400:], criterion, args.batch_size)
        logger.info("Epoch [%d/%d] val loss: %.4f  val acc: %.2f%%", epoch + 1, args.epochs, val_loss, 100 * val_acc)
        if val_acc > best_acc:
            best_acc = val_acc
            torch.save(model.state_dict(), os.path.join(args.save_dir, "best.pt"))
    logger.info("Best val acc: %.2f%%", 100 * best_acc)


if __name__ == "__main__":
    main()
