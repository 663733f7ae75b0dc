"""The workloads with forward and backward pass by hand: no autograd, every tensor [features, coordinates].

Coordinates are taken in blocks that stay in the processor's caches. A layer's inputs lie below each other as
X = [x; h; 1], so that one product with [weight_ih | weight_hh | bias] gives all gates, in the order i, f, o, g.
"""

import torch

from torchProblems import gradient_numbers, log_sign, optimizee, theta_numbers

BLOCK = 8192
sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def reordered(rows):
    """Gates i, f, g, o as i, f, o, g."""
    i, f, g, o = rows.chunk(4)
    return torch.cat([i, f, o, g])


class Weights:
    """phi of a case, in this file's layout, and a gradient of the same shapes."""

    def __init__(self, metadata, tensors):
        self.p, self.scale = float(metadata["p"]), float(metadata["scale"])
        self.layers = []
        while f"phi.lstm.{len(self.layers)}.weight_ih" in tensors:
            ih, hh, bias_ih, bias_hh = (
                reordered(tensors[f"phi.lstm.{len(self.layers)}.{name}"])
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            self.layers.append(torch.cat([ih, hh, (bias_ih + bias_hh).unsqueeze(1)], 1))
        self.output = torch.cat([tensors["phi.output.weight"], tensors["phi.output.bias"].view(1, 1)], 1)
        self.hidden = self.output.shape[1] - 1
        self.inputs = [weight.shape[1] - 1 - self.hidden for weight in self.layers]
        # Adjoints of X that are needed: of h alone in the lowest layer, of x and h above it.
        self.back = [
            weight[:, (0 if k else self.inputs[0]) : -1].t().contiguous() for k, weight in enumerate(self.layers)
        ]
        self.gradient = [torch.zeros_like(weight) for weight in [*self.layers, self.output]]


class Layer:
    """One LSTM layer of a block of n coordinates: with `steps`, all that its backward pass through them needs.

    Without, two slots for the states, and gates in `scratch` (numbers by name) that all blocks and steps share.
    """

    def __init__(self, inputs, hidden, n, steps, scratch):
        self.inputs, self.hidden, self.slots = inputs, hidden, steps + 1 if steps else 2
        self.X = torch.zeros(self.slots, inputs + hidden + 1, n)
        self.X[:, -1] = 1
        self.c = torch.zeros(self.slots, hidden, n)
        if steps:
            self.gates, self.tanh_c = torch.zeros(steps, 4 * hidden, n), torch.zeros(steps, hidden, n)
        else:
            shared = scratch.setdefault(n, (torch.zeros(1, 4 * hidden, n), torch.zeros(1, hidden, n)))
            self.gates, self.tanh_c = (tensor.expand(2, -1, -1) for tensor in shared)

    def forward(self, weight, t):
        """c_{t+1}, and h_{t+1} into X_{t+1}; returns h_{t+1}."""
        H, following = self.hidden, (t + 1) % self.slots
        gates, tanh_c, c = self.gates[t], self.tanh_c[t], self.c[following]
        torch.mm(weight, self.X[t], out=gates)
        gates[: 3 * H].sigmoid_()
        gates[3 * H :].tanh_()
        torch.mul(gates[H : 2 * H], self.c[t], out=c)
        c.addcmul_(gates[:H], gates[3 * H :])
        torch.tanh(c, out=tanh_c)
        h = self.X[following, self.inputs : self.inputs + H]
        return torch.mul(gates[2 * H : 3 * H], tanh_c, out=h)

    def backward(self, t, dh, dc, dgates, scratch):
        """Adjoints of the gates before their functions, from those of h_{t+1} and c_{t+1}; dc becomes that of c_t."""
        H, gates, tanh_c = self.hidden, self.gates[t], self.tanh_c[t]
        torch.mul(dh, tanh_c, out=dgates[2 * H : 3 * H])
        torch.mul(dh, gates[2 * H : 3 * H], out=scratch)
        dc += tanh_backward(scratch, tanh_c, grad_input=scratch)
        torch.mul(dc, gates[3 * H :], out=dgates[:H])
        torch.mul(dc, self.c[t], out=dgates[H : 2 * H])
        torch.mul(dc, gates[:H], out=dgates[3 * H :])
        dc *= gates[H : 2 * H]
        sigmoid_backward(dgates[: 3 * H], gates[: 3 * H], grad_input=dgates[: 3 * H])
        tanh_backward(dgates[3 * H :], gates[3 * H :], grad_input=dgates[3 * H :])


class Block:
    """Coordinates `begin` to `end`; with `steps`, to be taken back through so many."""

    def __init__(self, weights, begin, end, steps, scratch):
        self.weights, self.begin, self.end, self.steps = weights, begin, end, steps
        H, n = weights.hidden, end - begin
        self.layers = [Layer(inputs, H, n, steps, scratch) for inputs in weights.inputs]
        self.h_and_one = [X[-H - 1 :] for X in self.layers[-1].X]

    def forward(self, inputs, t):
        """The output [n] of step t for the preprocessed gradients of all coordinates."""
        for row, values in enumerate(inputs):
            self.layers[0].X[t, row] = values[self.begin : self.end]
        for k, (layer, weight) in enumerate(zip(self.layers, self.weights.layers)):
            if k > 0:
                layer.X[t, : layer.inputs] = h
            h = layer.forward(weight, t)
        return torch.mm(self.weights.output, self.h_and_one[(t + 1) % len(self.h_and_one)])[0]

    def backward(self, adjoints):
        """Adds to the weights' gradient; adjoints [T, N] of the outputs of all coordinates."""
        weights, n, H = self.weights, self.end - self.begin, self.weights.hidden
        dh = [torch.zeros(H, n) for _ in self.layers]
        dc = [torch.zeros(H, n) for _ in self.layers]
        dgates, scratch, dX = torch.empty(4 * H, n), torch.empty(H, n), torch.empty(2 * H, n)
        for t in reversed(range(self.steps)):
            dout = adjoints[t, self.begin : self.end]
            weights.gradient[-1][0].addmv_(self.h_and_one[t + 1], dout)
            dh[-1].addr_(weights.output[0, :H], dout)
            for k in reversed(range(len(self.layers))):
                self.layers[k].backward(t, dh[k], dc[k], dgates, scratch)
                weights.gradient[k].addmm_(dgates, self.layers[k].X[t].t())
                if k == 0:
                    torch.mm(weights.back[0], dgates, out=dh[0])
                else:
                    torch.mm(weights.back[k], dgates, out=dX)
                    dh[k - 1] += dX[:H]
                    dh[k].copy_(dX[H:])


def blocks(weights, n, steps=0):
    scratch = {}
    return [Block(weights, begin, min(begin + BLOCK, n), steps, scratch) for begin in range(0, n, BLOCK)]


class MetaIteration:
    def __init__(self, metadata, tensors):
        self.problem, self.steps = optimizee(metadata, tensors), int(metadata["steps"])
        self.weights = Weights(metadata, tensors)
        self.blocks = blocks(self.weights, len(self.problem.theta0), self.steps)

    def run(self):
        problem, weights, steps = self.problem, self.weights, self.steps
        theta, losses, gradients = problem.theta0, [], []
        for t in range(steps + 1):
            loss, gradient = problem.loss_and_gradient(theta, t)
            losses.append(loss.mean())
            gradients.append(gradient)
            if t < steps:
                inputs = log_sign(gradient, weights.p)
                out = torch.cat([block.forward(inputs, t) for block in self.blocks])
                theta = torch.add(theta, out, alpha=weights.scale)
        # In first order the adjoint of theta_{t+1} is the sum of the gradients from there on.
        adjoints = torch.stack(gradients[:0:-1]).cumsum(0).flip(0).mul_(weights.scale / problem.tasks)
        for gradient in weights.gradient:
            gradient.zero_()
        for block in self.blocks:
            block.backward(adjoints)
        return torch.stack(losses).sum().item()

    def numbers(self, meta_loss):
        return gradient_numbers(meta_loss, self.weights.gradient)


class Update:
    """Step 0 once, then step 1 again and again."""

    def __init__(self, metadata, tensors):
        self.weights, self.gradient = Weights(metadata, tensors), tensors["gradient1"]
        self.blocks = blocks(self.weights, len(self.gradient))
        self.theta = torch.zeros_like(self.gradient)
        self.theta = self.step(tensors["gradient0"], 0)

    def step(self, gradient, t):
        inputs = log_sign(gradient, self.weights.p)
        out = torch.cat([block.forward(inputs, t) for block in self.blocks])
        return torch.add(self.theta, out, alpha=self.weights.scale)

    def run(self):
        return self.step(self.gradient, 1)

    def numbers(self, theta):
        return theta_numbers(theta)


def create(metadata, tensors):
    with torch.no_grad():
        return (Update if metadata["kind"] == "update" else MetaIteration)(metadata, tensors)
