"""Networks and optimisers by PyTorch, and what they start from."""

import math

import torch
from cases import BASE
from torch.nn import functional

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def fractions(seed, count, low, high, unit):
    """Random multiples of 1/unit, so that float32 holds each exactly."""
    generator = torch.Generator().manual_seed(seed)
    whole = torch.randint(int(low * unit), int(high * unit) + 1, (count,), generator=generator)
    return whole / unit


def normed(widths, late, norm):
    """Whether each layer has a norm: hidden ones; batch norm only those that no late action enters."""
    last = late if norm == "batch" and late > 0 else len(widths)
    return [norm != "none" and i < min(last, len(widths) - 2) for i in range(len(widths) - 1)]


class Network:
    """Affine layers with norms; `leaves` are its parameters in the order of the flat vector."""

    def __init__(self, widths, late, extra, norm, activation, flat, statistics):
        self.late, self.norm = late, norm
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[activation]
        self.layers, self.running = [], []
        self.normed = normed(widths, late, norm)
        at = 0

        def take(*dims):
            nonlocal at
            at += math.prod(dims)
            return flat[at - math.prod(dims) : at].clone().reshape(dims).requires_grad_()

        for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:])):
            layer = [take(inputs + (extra if i == late else 0), outputs), take(outputs)]
            if self.normed[i]:
                layer += [take(outputs), take(outputs)]
            self.layers.append(layer)
        assert at == len(flat)
        if norm == "batch":
            hidden = [width for width, own in zip(widths[1:], self.normed) for _ in range(2) if own]
            parts = [part.clone() for part in torch.split(statistics, hidden)]
            self.running = list(zip(parts[0::2], parts[1::2]))
        self.leaves = [leaf for layer in self.layers for leaf in layer]
        self.hidden = [layer[0] for layer in self.layers[:-1]]

    def __call__(self, x, extra=None, running=None):
        """A training pass, unless `running` statistics are given to be used."""
        for i, (weights, bias, *affine) in enumerate(self.layers):
            x = torch.cat([x, extra], 1) if i == self.late else x
            x = functional.linear(x, weights.T, bias)
            if i + 1 == len(self.layers):
                return x
            if self.norm == "layer":
                x = functional.layer_norm(x, x.shape[1:], *affine, eps=1e-5)
            if self.norm == "batch" and self.normed[i]:
                training = running is None
                mean, variance = (self.running if training else running)[i]
                x = functional.batch_norm(x, mean, variance, *affine, training, SHARE, 1e-5)
            x = self.activation(x)

    def flat(self):
        return torch.cat([leaf.detach().flatten() for leaf in self.leaves])

    def statistics(self):
        return torch.cat([part for pair in self.running for part in pair])


SHARE = BASE["statisticsShare"]


class Optimiser:
    """torch.optim's Adam or AdamW on some networks, with moments as a run would have left them."""

    def __init__(self, networks, losses, rate, first, second, steps, decay):
        self.leaves = [leaf for network in networks for leaf in network.leaves]
        hidden = [weights for network in networks for weights in network.hidden]
        self.decayed = hidden if decay > 0 and losses["decayKind"] == "l2" else []
        self.decay, self.clip = decay, losses["gradientClip"]
        ids = {id(one) for one in hidden}
        rest = [leaf for leaf in self.leaves if id(leaf) not in ids]
        apart = decay if losses["decayKind"] == "decoupled" else 0
        groups = [{"params": hidden, "weight_decay": apart}, {"params": rest, "weight_decay": 0}]
        betas = (losses["beta1"], losses["beta2"])
        self.adam = torch.optim.AdamW(groups, lr=rate, betas=betas, eps=losses["epsilon"])
        at = 0
        for leaf in self.leaves:
            part = slice(at, at + leaf.numel())
            at += leaf.numel()
            self.adam.state[leaf] = {
                "step": torch.tensor(float(steps)),
                "exp_avg": first[part].clone().reshape(leaf.shape),
                "exp_avg_sq": second[part].clone().reshape(leaf.shape),
            }

    def step(self, loss):
        """Takes a step; gives the norm of the loss's own gradient."""
        gradients = torch.autograd.grad(loss, self.leaves, retain_graph=True)
        norm = torch.cat([one.flatten() for one in gradients]).norm()
        penalty = sum(0.5 * self.decay * (weights**2).sum() for weights in self.decayed)
        gradients = torch.autograd.grad(loss + penalty, self.leaves)
        for leaf, gradient in zip(self.leaves, gradients):
            leaf.grad = gradient.clone()
        if self.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.leaves, self.clip)
        self.adam.step()
        return norm.item()

    def moments(self, name):
        return torch.cat([self.adam.state[leaf][name].flatten() for leaf in self.leaves])


def sizes_of(shape):
    """Lengths of the flat vectors and statistics of the actor and of one critic."""

    def size(widths, late, extra, norm):
        total, own = 0, normed(widths, late, norm)
        for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:])):
            total += (inputs + (extra if i == late else 0)) * outputs + outputs
            total += 2 * outputs if own[i] else 0
        running = sum(2 * width for width, has in zip(widths[1:], own) if has)
        return total, running if norm == "batch" else 0

    actor = [shape["observations"], *shape["actorHidden"], shape["actions"]]
    critic = [shape["observations"], *shape["criticHidden"], 1]
    late, extra = shape["actionLayer"], shape["actions"]
    return size(actor, -1, 0, shape["actorNorm"]), size(critic, late, extra, shape["criticNorm"])


def state_of(shape, popart):
    """The carried values before the round, by name."""
    (actor, actor_statistics), (critic, critic_statistics) = sizes_of(shape)
    critics = shape["critics"]
    state = {}
    for seed, name, size, statistics in [
        (10, "actor", actor, actor_statistics),
        (20, "critic", critic * critics, critic_statistics * critics),
    ]:
        online = fractions(seed, size, -1, 1, 64)
        state[f"{name}.online"] = online
        state[f"{name}.target"] = online + fractions(seed + 1, size, -0.25, 0.25, 64)
        state[f"{name}.firstMoment"] = fractions(seed + 2, size, -0.125, 0.125, 512)
        state[f"{name}.secondMoment"] = fractions(seed + 3, size, 1 / 512, 0.125, 512)
        if statistics > 0:
            state[f"{name}.statistics"] = fractions(seed + 4, statistics, 0.125, 1, 64)
    if popart:
        state["critic.moments"] = torch.tensor([-0.5, 2.25])
    return state
