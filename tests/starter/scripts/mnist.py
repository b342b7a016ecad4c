"""Digits by a small convolutional network: the shape of the first script that most people train."""
# ruff: noqa - written as such scripts are

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.optim.lr_scheduler import StepLR


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, 1)
        self.dropout = nn.Dropout(0.25)
        self.out = nn.Linear(16 * 9, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return F.log_softmax(self.out(self.dropout(torch.flatten(x, 1))), dim=1)


def train(args, model, device, batches, optimizer, epoch):
    model.train()
    seen = 0
    for batch_idx, (data, target) in enumerate(batches):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            print('Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.6f}'.format(
                epoch, seen, sum(len(y) for _, y in batches),
                100. * batch_idx / len(batches), loss.item()))
            if args.dry_run:
                break
        seen += len(data)


def test(model, device, batches):
    model.eval()
    test_loss = 0
    correct = 0
    total = 0
    with torch.no_grad():
        for data, target in batches:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction='sum').item()
            correct += (output.argmax(dim=1) == target).sum().item()
            total += len(target)

    test_loss /= total
    print('\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\n'.format(
        test_loss, correct, total, 100. * correct / total))


def batches_of(x, y, size):
    return list(zip(torch.split(x, size), torch.split(y, size)))


def main():
    parser = argparse.ArgumentParser(description='digits')
    parser.add_argument('--batch-size', type=int, default=64, metavar='N', help='for training (default: 64)')
    parser.add_argument('--test-batch-size', type=int, default=1000, metavar='N', help='for testing')
    parser.add_argument('--epochs', type=int, default=3, metavar='N', help='how many (default: 3)')
    parser.add_argument('--lr', type=float, default=1.0, metavar='LR', help='learning rate (default: 1.0)')
    parser.add_argument('--gamma', type=float, default=0.7, metavar='M', help='learning rate step (default: 0.7)')
    parser.add_argument('--no-accel', action='store_true', help='on the CPU')
    parser.add_argument('--dry-run', action='store_true', help='a single pass')
    parser.add_argument('--seed', type=int, default=1, metavar='S', help='random seed (default: 1)')
    parser.add_argument('--log-interval', type=int, default=10, metavar='N', help='batches between two lines')
    parser.add_argument('--save-model', action='store_true', help='keep the model')
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    device = torch.device('cpu')
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    y = torch.tensor(labels)
    train_batches = batches_of(x[:1400], y[:1400], args.batch_size)
    test_batches = batches_of(x[1400:], y[1400:], args.test_batch_size)

    model = Net().to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, train_batches, optimizer, epoch)
        test(model, device, test_batches)
        scheduler.step()

    if args.save_model:
        torch.save(model.state_dict(), 'digits_cnn.pt')


if __name__ == '__main__':
    main()
