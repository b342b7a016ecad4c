"""A word model on a text that ships with Python: the shape of a well-known example of language modelling."""
# ruff: noqa - written as such scripts are

import argparse
import math
import re
import this
import time

import numpy as np

parser = argparse.ArgumentParser(description='A bigram language model')
parser.add_argument('--emsize', type=int, default=16, help='size of word embeddings')
parser.add_argument('--lr', type=float, default=20, help='initial learning rate')
parser.add_argument('--clip', type=float, default=0.25, help='gradient clipping')
parser.add_argument('--epochs', type=int, default=3, help='upper epoch limit')
parser.add_argument('--batch_size', type=int, default=20, metavar='N', help='batch size')
parser.add_argument('--dropout', type=float, default=0.2, help='dropout applied to the embeddings (0 = none)')
parser.add_argument('--tied', action='store_true', help='tie the word embedding and softmax weights')
parser.add_argument('--seed', type=int, default=1111, help='random seed')
parser.add_argument('--log-interval', type=int, default=2, metavar='N', help='report interval')
parser.add_argument('--save', type=str, default='model.npz', help='path to save the final model')
args = parser.parse_args()

rng = np.random.default_rng(args.seed)
text = ''.join(this.d.get(c, c) for c in this.s).lower()
words = re.findall(r"[a-z']+", text)
vocabulary = sorted(set(words))
tokens = np.array([vocabulary.index(word) for word in words])
pairs = np.stack([tokens[:-1], tokens[1:]], axis=1)
train_data, val_data = pairs[:110], pairs[110:]
emb = rng.normal(0, 0.1, (len(vocabulary), args.emsize))
out = emb.T if args.tied else rng.normal(0, 0.1, (args.emsize, len(vocabulary)))


def forward(batch, keep=1.0):
    hidden = emb[batch[:, 0]] * (rng.random((len(batch), args.emsize)) < keep) / keep
    logits = hidden @ out
    logits = logits - logits.max(1, keepdims=True)
    return hidden, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def evaluate(data):
    _, probabilities = forward(data)
    return -np.log(probabilities[np.arange(len(data)), data[:, 1]] + 1e-9).mean()


def train(epoch):
    global emb, out
    total_loss = 0.
    start_time = time.time()
    rng.shuffle(train_data)
    for batch, i in enumerate(range(0, len(train_data), args.batch_size)):
        pair = train_data[i:i + args.batch_size]
        hidden, error = forward(pair, 1 - args.dropout)
        total_loss += -np.log(error[np.arange(len(pair)), pair[:, 1]] + 1e-9).mean()
        error[np.arange(len(pair)), pair[:, 1]] -= 1
        error /= len(pair)
        scale = min(1.0, args.clip / (np.linalg.norm(error) + 1e-6)) * args.lr
        grad_hidden = error @ out.T
        out = out - scale * hidden.T @ error
        np.subtract.at(emb, pair[:, 0], scale * grad_hidden)
        if batch % args.log_interval == 0 and batch > 0:
            cur_loss = total_loss / args.log_interval
            elapsed = time.time() - start_time
            print('| epoch {:3d} | {:5d}/{:5d} batches | lr {:02.2f} | ms/batch {:5.2f} | '
                  'loss {:5.2f} | ppl {:8.2f}'.format(
                epoch, batch, len(train_data) // args.batch_size, args.lr,
                elapsed * 1000 / args.log_interval, cur_loss, math.exp(min(cur_loss, 50))))
            total_loss = 0
            start_time = time.time()


for epoch in range(1, args.epochs+1):
    epoch_start_time = time.time()
    train(epoch)
    val_loss = evaluate(val_data)
    print('-' * 89)
    print('| end of epoch {:3d} | time: {:5.2f}s | valid loss {:5.2f} | '
          'valid ppl {:8.2f}'.format(epoch, (time.time() - epoch_start_time),
                                     val_loss, math.exp(min(val_loss, 50))))
    print('-' * 89)
    with open(args.save, 'wb') as f:
        np.savez(f, emb=emb, out=out)

test_loss = evaluate(val_data[:20])
print('=' * 89)
print('| End of training | test loss {:5.2f} | test ppl {:8.2f}'.format(
    test_loss, math.exp(min(test_loss, 50))))
print('=' * 89)
