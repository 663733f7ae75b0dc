#!/usr/bin/env python3
"""Writes a gradient case: what PyTorch autograd says about one unroll of a learned optimizer, in float64.

`coordwise gradient CASE` recomputes it on the GPU and compares. The file is safetensors, format
`coordwise-gradient-case-1`: the inputs, the settings as strings in __metadata__, and under `expect.` the losses, the
parameters after the last step and the meta-gradient for every weight (and for theta_0 with --theta0-gradient, which the
gated optimizers always have). Inputs are rounded to float32 first, so both sides start from the same numbers.

Needs Python 3.9, NumPy and PyTorch 1.13 or newer (Debian: apt-get install python3-torch python3-numpy).

    python3 tools/makeCases.py case.safetensors --optimizer l2l --problem quadratic --tasks 6 --dim 8 --unroll 10
    python3 tools/makeCases.py case.safetensors --optimizer rnnprop --problem quadratic --unroll 6
    python3 tools/makeCases.py case.safetensors --optimizer meta-lstm --controller lstm --problem mlp --sizes 9,8,4 \\
        --activation tanh --unroll 4 --p 3 --second-derivatives

The formulas are those of Andrychowicz et al. 2016 (l2l), Lv, Jiang & Li 2017 (rnnprop) and Ravi & Larochelle 2017 (meta-lstm; momentum-lstm has one
more cell m, which collects the gradients). Minibatch t is used at step t, the last one for the loss at theta_T.
"""
import argparse
import json
import math
import struct

import numpy as np
import torch

torch.set_default_dtype(torch.float64)

GATES = ["forget_gate", "input_gate", "momentum_forget_gate", "momentum_input_gate"]
# Where the biases of the gates are drawn from: a case should move, and its gates should not be saturated.
GATE_BIASES = {
    "forget_gate": (2, 3),
    "input_gate": (-3, -2),
    "momentum_forget_gate": (1, 2),
    "momentum_input_gate": (0, 1),
}


class Draw:
    """Random tensors that are exact in float32; the same for the same seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def normal(self, scale, *shape):
        return torch.tensor(self.rng.normal(0, scale, shape)).float().double()

    def uniform(self, low, high, *shape):
        return torch.tensor(self.rng.uniform(low, high, shape)).float().double()

    def integers(self, end, *shape):
        return torch.tensor(self.rng.integers(0, end, shape))


# Problems. Each gives: the tensors and metadata to write, theta_0 [B, N], and loss(theta [B, N], t) -> [B].


def quadratic(draw, args):
    """loss_b = sum over D of (W_b theta_b - y_b)^2, the same at every step."""
    W = draw.uniform(0, 1, args.tasks, args.dim, args.dim)
    y = draw.uniform(0, 1, args.tasks, args.dim)
    theta0 = draw.normal(0.3, args.tasks, args.dim)

    def loss(theta, t):
        return (((W @ theta[..., None])[..., 0] - y) ** 2).sum(-1)

    return {"W": W, "y": y}, {"tasks": args.tasks, "dim": args.dim}, theta0, loss


def mlp(draw, args):
    """Softmax cross-entropy of a network, mean over a minibatch of its own at every step."""
    sizes = [int(size) for size in args.sizes.split(",")]
    x = draw.uniform(0, 1, args.unroll + 1, args.batch, sizes[0])
    labels = draw.integers(sizes[-1], args.unroll + 1, args.batch)
    count = sum((sizes[i] + 1) * sizes[i + 1] for i in range(len(sizes) - 1))
    theta0 = draw.normal(0.5, 1, count)
    activation = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}[args.activation]

    def loss(theta, t):
        offset, values = 0, x[t]
        for layer in range(len(sizes) - 1):
            inputs, outputs = sizes[layer], sizes[layer + 1]
            weight = theta[0, offset : offset + inputs * outputs].view(inputs, outputs)
            offset += inputs * outputs
            bias = theta[0, offset : offset + outputs]
            offset += outputs
            values = values @ weight + bias
            if layer < len(sizes) - 2:
                values = activation(values)
        return torch.nn.functional.cross_entropy(values, labels[t])[None]

    metadata = {"tasks": 1, "sizes": args.sizes, "activation": args.activation, "batch": args.batch}
    return {"x": x, "labels": labels}, metadata, theta0, loss


# Learned optimizers. Each gives its weights by name and step(theta, gradient, losses) -> the next theta; theta and the
# gradient are [B, N], the losses [B].


def preprocess(args, x):
    """Identity, or log-sign of Andrychowicz et al. 2016, appendix A; the features are the last dimension."""
    if args.preprocess == "identity":
        return x[..., None]
    large = x.abs() >= math.exp(-args.p)
    safe = torch.where(large, x.abs(), torch.ones_like(x))
    first = torch.where(large, torch.log(safe) / args.p, -torch.ones_like(x))
    second = torch.where(large, torch.sign(x), x * math.exp(args.p))
    return torch.stack([first, second], -1)


def lstm_weights(draw, name, inputs, hidden):
    shapes = {
        "weight_ih": (4 * hidden, inputs),
        "weight_hh": (4 * hidden, hidden),
        "bias_ih": (4 * hidden,),
        "bias_hh": (4 * hidden,),
    }
    return {f"{name}.{part}": draw.normal(0.3, *shape) for part, shape in shapes.items()}


def lstm_cell(weights, name, x, h, c):
    """torch.nn.LSTMCell, gate order i, f, g, o."""
    z = x @ weights[f"{name}.weight_ih"].T + weights[f"{name}.bias_ih"]
    z = z + h @ weights[f"{name}.weight_hh"].T + weights[f"{name}.bias_hh"]
    i, f, g, o = z.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def l2l(draw, args, shape):
    """theta += scale * (w . h + b), h from stacked LSTM layers on the preprocessed gradient."""
    weights, inputs = {}, 1 if args.preprocess == "identity" else 2
    for layer in range(args.layers):
        weights.update(lstm_weights(draw, f"lstm.{layer}", inputs, args.hidden))
        inputs = args.hidden
    weights["output.weight"] = draw.normal(0.3, 1, inputs)
    weights["output.bias"] = draw.normal(0.05, 1)
    h = [torch.zeros(*shape, args.hidden) for _ in range(args.layers)]
    c = [torch.zeros(*shape, args.hidden) for _ in range(args.layers)]

    def step(theta, gradient, losses):
        x = preprocess(args, gradient)
        for layer in range(args.layers):
            h[layer], c[layer] = lstm_cell(weights, f"lstm.{layer}", x, h[layer], c[layer])
            x = h[layer]
        return theta + args.output_scale * (x @ weights["output.weight"].T + weights["output.bias"])[..., 0]

    return weights, {"layers": args.layers, "output_scale": args.output_scale, "hidden": args.hidden}, step


def rnnprop(draw, args, shape):
    """theta -= scale * tanh(w . h + b), h from an ELU layer and stacked LSTM layers on [g, m] / sqrt(v)."""
    weights = {"input.weight": draw.normal(0.7, args.hidden, 2), "input.bias": draw.normal(0.3, args.hidden)}
    for layer in range(args.layers):
        weights.update(lstm_weights(draw, f"lstm.{layer}", args.hidden, args.hidden))
    weights["output.weight"] = draw.normal(0.6, 1, args.hidden)
    weights["output.bias"] = draw.normal(0.05, 1)
    h = [torch.zeros(*shape, args.hidden) for _ in range(args.layers)]
    c = [torch.zeros(*shape, args.hidden) for _ in range(args.layers)]
    state = {"m": torch.zeros(shape), "v": torch.zeros(shape), "step": 0}

    def step(theta, gradient, losses):
        state["step"] += 1
        state["m"] = args.beta1 * state["m"] + (1 - args.beta1) * gradient
        state["v"] = args.beta2 * state["v"] + (1 - args.beta2) * gradient**2
        m = state["m"] / (1 - args.beta1 ** state["step"])
        root = torch.sqrt(state["v"] / (1 - args.beta2 ** state["step"])) + 1e-8
        u = torch.stack([gradient / root, m / root], -1)
        x = torch.nn.functional.elu(u @ weights["input.weight"].T + weights["input.bias"])
        for layer in range(args.layers):
            h[layer], c[layer] = lstm_cell(weights, f"lstm.{layer}", x, h[layer], c[layer])
            x = h[layer]
        out = (x @ weights["output.weight"].T + weights["output.bias"])[..., 0]
        return theta - args.output_scale * torch.tanh(out)

    metadata = {"layers": args.layers, "output_scale": args.output_scale, "hidden": args.hidden}
    return weights, {**metadata, "beta1": args.beta1, "beta2": args.beta2}, step


def gated(draw, args, shape):
    """theta = F theta - I g, or with a second cell m = Fm m - Im g, theta = F theta + I m."""
    inputs = 2 * (1 if args.preprocess == "identity" else 2)
    is_lstm, is_momentum = args.controller == "lstm", args.optimizer == "momentum-lstm"
    weights = lstm_weights(draw, "lstm.0", inputs, args.hidden) if is_lstm else {}
    features = args.hidden if is_lstm else inputs
    names = GATES if is_momentum else GATES[:2]
    for name in names:
        weights[f"{name}.weight"] = draw.normal(0.2, 1, features + 2)
        weights[f"{name}.bias"] = draw.uniform(*GATE_BIASES[name], 1)
    state = {"h": torch.zeros(*shape, args.hidden), "c": torch.zeros(*shape, args.hidden), "m": torch.zeros(shape)}
    fed = {name: torch.zeros(shape) for name in names}  # what each gate sees of its own previous value

    def gate(name, a, cell):
        seen = torch.cat([a, cell[..., None], fed[name][..., None]], -1)
        z = (seen @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])[..., 0]
        fed[name] = torch.sigmoid(z) if args.gate_feedback == "sigmoid" else z
        return torch.sigmoid(z)

    def step(theta, gradient, losses):
        loss = preprocess(args, losses)[:, None, :].expand(*shape, -1)
        a = torch.cat([loss, preprocess(args, gradient)], -1)
        if is_lstm:
            state["h"], state["c"] = lstm_cell(weights, "lstm.0", a, state["h"], state["c"])
            a = state["h"]
        move = -gradient
        if is_momentum:
            m = state["m"]
            move = gate("momentum_forget_gate", a, m) * m + gate("momentum_input_gate", a, m) * move
            state["m"] = move
        return gate("forget_gate", a, theta) * theta + gate("input_gate", a, theta) * move

    metadata = {"controller": args.controller, "gate_feedback": args.gate_feedback}
    return weights, {**metadata, "hidden": args.hidden if is_lstm else 0}, step


def unroll(args, loss, step, theta0):
    """T steps; the T + 1 losses [T + 1, B] and theta_T. In first order gradients and losses are given as constants."""
    second, theta, losses = args.second_derivatives, theta0, []
    for t in range(args.unroll):
        at = theta if second else theta.detach().requires_grad_()
        f = loss(at, t)
        (g,) = torch.autograd.grad(f.sum(), at, create_graph=second)
        losses.append(loss(theta, t))
        theta = step(theta, g if second else g.detach(), f if second else f.detach())
    losses.append(loss(theta, args.unroll))
    return torch.stack(losses), theta


def save(path, tensors, metadata):
    """safetensors: 8 bytes of header length, the header as JSON, the data."""
    header, blobs, offset = {"__metadata__": {name: str(value) for name, value in metadata.items()}}, [], 0
    for name, tensor in tensors.items():
        array = tensor.detach().numpy()
        is_float = np.issubdtype(array.dtype, np.floating)
        data = np.ascontiguousarray(array.astype(np.float32 if is_float else np.int32)).tobytes()
        header[name] = {
            "dtype": "F32" if is_float else "I32",
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        blobs.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def make_case(args):
    draw = Draw(args.seed)
    make_problem = {"quadratic": quadratic, "mlp": mlp}[args.problem]
    tensors, problem_metadata, theta0, loss = make_problem(draw, args)
    make_optimizer = {"l2l": l2l, "rnnprop": rnnprop}.get(args.optimizer, gated)
    weights, optimizer_metadata, step = make_optimizer(draw, args, theta0.shape)
    if args.shared_theta0:
        theta0 = theta0[0]
    if args.problem == "mlp":
        theta0 = theta0.reshape(-1)
    for leaf in [theta0, *weights.values()]:
        leaf.requires_grad_()
    tasks = problem_metadata["tasks"]
    losses, theta = unroll(args, loss, step, theta0.expand(tasks, -1))
    counted = losses[-1:] if args.meta_loss == "final" else losses
    meta_loss = counted.mean(1).sum()
    names = list(weights)
    leaves = list(weights.values())
    if make_optimizer is gated or args.theta0_gradient:
        names.append("theta0")
        leaves.append(theta0)
    gradients = torch.autograd.grad(meta_loss, leaves)
    tensors.update({f"optimizer.{name}": value for name, value in weights.items()})
    tensors.update({"theta0": theta0, "expect.losses": losses.mean(1), "expect.theta": theta})
    tensors.update({f"expect.grad.{name}": value for name, value in zip(names, gradients)})
    metadata = {
        "format": "coordwise-gradient-case-1",
        "problem": args.problem,
        **problem_metadata,
        "optimizer": args.optimizer,
        **optimizer_metadata,
        **({} if args.optimizer == "rnnprop" else {"preprocess": args.preprocess, "p": args.p}),
        "unroll": args.unroll,
        "second_derivatives": str(args.second_derivatives).lower(),
        "meta_loss": args.meta_loss,
    }
    save(args.path, tensors, metadata)
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
    print(f"{args.path}: meta-loss {float(meta_loss):.6g}, norm of the meta-gradient {norm:.6g}")


def parse():
    parser = argparse.ArgumentParser(description="Writes a gradient case, computed by PyTorch in float64.")
    add = parser.add_argument
    add("path", help="the file to write, such as case.safetensors")
    add("--optimizer", choices=["l2l", "rnnprop", "meta-lstm", "momentum-lstm"], default="l2l")
    add("--problem", choices=["quadratic", "mlp"], default="mlp")
    add("--seed", type=int, default=1)
    add("--unroll", type=int, default=5, help="T, the number of updates (5)")
    add("--meta-loss", choices=["sum", "final"], help="T + 1 losses (l2l, rnnprop), or the last one (the gated optimizers)")
    add("--second-derivatives", action="store_true", help="differentiate through gradients and losses")
    add("--preprocess", choices=["log-sign", "identity"], default="log-sign")
    add("--p", type=float, default=10, help="of log-sign (10)")
    add("--hidden", type=int, default=20, help="units of an LSTM layer (20)")
    quadratics = parser.add_argument_group("quadratic")
    quadratics.add_argument("--tasks", type=int, default=3, help="problems in the batch (3)")
    quadratics.add_argument("--dim", type=int, default=5, help="dimensions of each (5)")
    quadratics.add_argument("--shared-theta0", action="store_true", help="all tasks start from one theta_0 [D]")
    networks = parser.add_argument_group("mlp")
    networks.add_argument("--sizes", default="9,8,4", help="widths from input to classes (9,8,4)")
    networks.add_argument("--activation", choices=["sigmoid", "tanh", "relu"], default="sigmoid")
    networks.add_argument("--batch", type=int, default=10)
    stacked = parser.add_argument_group("l2l and rnnprop")
    stacked.add_argument("--layers", type=int, default=2)
    stacked.add_argument("--output-scale", type=float, default=0.05)
    stacked.add_argument("--beta1", type=float, default=0.95, help="rnnprop: decay of the average of gradients (0.95)")
    stacked.add_argument("--beta2", type=float, default=0.95, help="rnnprop: of that of their squares (0.95)")
    stacked.add_argument("--theta0-gradient", action="store_true", help="also write the gradient for theta_0")
    gates = parser.add_argument_group("meta-lstm and momentum-lstm")
    gates.add_argument("--controller", choices=["direct", "lstm"], default="lstm")
    gates.add_argument("--gate-feedback", choices=["pre-sigmoid", "sigmoid"], default="pre-sigmoid")
    args = parser.parse_args()
    args.meta_loss = args.meta_loss or ("sum" if args.optimizer in ("l2l", "rnnprop") else "final")
    if args.shared_theta0 and args.problem != "quadratic":
        parser.error("--shared-theta0 is for quadratics: a network case has one task")
    return args


if __name__ == "__main__":
    make_case(parse())
