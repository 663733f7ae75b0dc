"""The workloads as one writes them in PyTorch: nn.LSTMCell, nn.Linear, autograd; in first order g_t is detached."""

import torch
from torch import nn

from torchProblems import gradient_numbers, log_sign, optimizee, theta_numbers


class Optimizer(nn.Module):
    """The coordinate-wise LSTM with the weights `phi.*` of a case."""

    def __init__(self, metadata, tensors):
        super().__init__()
        self.p, self.scale = float(metadata["p"]), float(metadata["scale"])
        weights = {name[4:]: tensor for name, tensor in tensors.items() if name.startswith("phi.")}
        hidden = weights["output.weight"].shape[1]
        count = sum(name.endswith("weight_ih") for name in weights)
        self.lstm = nn.ModuleList(nn.LSTMCell(hidden if k else 2, hidden) for k in range(count))
        self.output = nn.Linear(hidden, 1)
        self.load_state_dict(weights)

    def start(self, n):
        zero = torch.zeros(n, self.output.in_features)
        return [(zero, zero) for _ in self.lstm]

    def forward(self, g, state):
        """The change of theta [n] for gradients [n], and the next state."""
        x, following = torch.stack(log_sign(g, self.p), 1), []
        for cell, before in zip(self.lstm, state):
            following.append(cell(x, before))
            x = following[-1][0]
        return self.scale * self.output(x).squeeze(1), following

    def gradients(self):
        return [weight.grad for name, weight in self.named_parameters() if not name.endswith("bias_hh")]


class MetaIteration:
    def __init__(self, metadata, tensors):
        self.problem, self.steps = optimizee(metadata, tensors), int(metadata["steps"])
        self.optimizer = Optimizer(metadata, tensors)

    def run(self):
        problem, optimizer = self.problem, self.optimizer
        optimizer.zero_grad(set_to_none=True)
        theta = problem.theta0.clone().requires_grad_()
        state, meta_loss = optimizer.start(len(theta)), 0.0
        for t in range(self.steps):
            loss = problem.loss(theta, t)
            (g,) = torch.autograd.grad(loss.sum(), theta, retain_graph=True)
            meta_loss = meta_loss + loss.mean()
            step, state = optimizer(g.detach(), state)
            theta = theta + step
        meta_loss = meta_loss + problem.loss(theta, self.steps).mean()
        meta_loss.backward()
        return meta_loss.item()

    def numbers(self, meta_loss):
        return gradient_numbers(meta_loss, self.optimizer.gradients())


class Update:
    @torch.no_grad()
    def __init__(self, metadata, tensors):
        self.optimizer = Optimizer(metadata, tensors)
        first, self.gradient = tensors["gradient0"], tensors["gradient1"]
        self.theta, self.state = self.optimizer(first, self.optimizer.start(len(first)))

    @torch.no_grad()
    def run(self):
        step, self.following = self.optimizer(self.gradient, self.state)
        return self.theta + step

    def numbers(self, theta):
        return theta_numbers(theta)


def create(metadata, tensors):
    return (Update if metadata["kind"] == "update" else MetaIteration)(metadata, tensors)
