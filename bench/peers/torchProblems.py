"""What both PyTorch variants share: the optimizees of the workloads, the preprocessing and the numbers to agree on."""

import math

import torch


class Mlp:
    """One dense network with a sigmoid between layers; minibatch t, mean softmax cross-entropy.

    theta [N]: weight [in, out] row-major, then bias [out], a layer after the other.
    """

    def __init__(self, metadata, tensors):
        self.sizes = [int(size) for size in metadata["sizes"].split(",")]
        self.x, self.labels, self.theta0 = tensors["x"], tensors["labels"].long(), tensors["theta0"]
        self.tasks = 1

    def layers(self, theta):
        offset = 0
        for inputs, outputs in zip(self.sizes, self.sizes[1:]):
            end = offset + inputs * outputs
            yield theta[offset:end].view(inputs, outputs), theta[end : end + outputs]
            offset = end + outputs

    def loss(self, theta, t):
        """[1]: for autograd."""
        y, last = self.x[t], len(self.sizes) - 2
        for index, (weight, bias) in enumerate(self.layers(theta)):
            y = torch.addmm(bias, y, weight)
            if index < last:
                y = torch.sigmoid(y)
        return torch.nn.functional.cross_entropy(y, self.labels[t]).view(1)

    def loss_and_gradient(self, theta, t):
        """Loss [1] and gradient [N], without autograd."""
        layers = list(self.layers(theta))
        inputs = [self.x[t]]
        for index, (weight, bias) in enumerate(layers):
            z = torch.addmm(bias, inputs[-1], weight)
            inputs.append(z.sigmoid_() if index < len(layers) - 1 else z)
        log_p = torch.log_softmax(inputs.pop(), 1)
        rows, labels = torch.arange(log_p.shape[0]), self.labels[t]
        loss = -log_p[rows, labels].mean()
        dz = log_p.exp_()
        dz[rows, labels] -= 1
        dz /= dz.shape[0]
        gradient = torch.empty_like(theta)
        slots = list(self.layers(gradient))
        for index in reversed(range(len(layers))):
            y = inputs[index]
            torch.mm(y.t(), dz, out=slots[index][0])
            torch.sum(dz, 0, out=slots[index][1])
            if index > 0:
                dz = dz.mm(layers[index][0].t()) * y * (1 - y)
        return loss.view(1), gradient


class Quadratics:
    """A batch of |W theta - y|^2; theta [B * D]."""

    def __init__(self, _metadata, tensors):
        self.W, self.y = tensors["W"], tensors["y"]
        self.theta0 = tensors["theta0"].reshape(-1)
        self.tasks, self.dimension = self.y.shape

    def residual(self, theta):
        return torch.baddbmm(-self.y.unsqueeze(2), self.W, theta.view(self.tasks, self.dimension, 1))

    def loss(self, theta, _t):
        """[B]"""
        return self.residual(theta).square().sum((1, 2))

    def loss_and_gradient(self, theta, _t):
        residual = self.residual(theta)
        gradient = torch.bmm(self.W.transpose(1, 2), residual).mul_(2)
        return residual.square().sum((1, 2)), gradient.view(-1)


def optimizee(metadata, tensors):
    return {"mlp": Mlp, "quadratic": Quadratics}[metadata["kind"]](metadata, tensors)


def log_sign(g, p):
    """Andrychowicz et al. 2016, appendix A: two inputs a coordinate."""
    size = g.abs()
    large = size >= math.exp(-p)
    return torch.where(large, size.log() / p, -1.0), torch.where(large, g.sign(), g * math.exp(p))


def theta_numbers(theta):
    """What an update must agree on: theta [n] in float64."""
    theta = theta.double()
    return {"thetaNorm": theta.norm().item(), "thetaMean": theta.mean().item()}


def gradient_numbers(meta_loss, gradients):
    """What an unroll must agree on; one bias a layer counts."""
    squares = sum(gradient.double().square().sum().item() for gradient in gradients)
    return {"metaLoss": meta_loss, "gradientNorm": math.sqrt(squares)}
