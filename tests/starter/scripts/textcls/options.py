"""The arguments of the text classifier."""

import argparse


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", choices=["keywords", "builtins"], help="what is classified")
    parser.add_argument("--learning_rate", type=float, required=True)
    parser.add_argument("--num_epochs", type=int, default=4)
    parser.add_argument("--ngrams", type=int, default=2)
    parser.add_argument("--l2", type=float, default=0.0)
    parser.add_argument("--lr_gamma", type=float, default=0.9)
    parser.add_argument("--hidden_sizes", type=int, nargs="+", default=[32])
    parser.add_argument("--output_dir", default="out")
    return parser.parse_args()
