"""Writes test/golden/updates.json: one round of learning, case by case, by PyTorch in float64.

pip install torch==2.15.0 (that of tools/bench/peers/requirements.txt), then:
python -P tools/golden/updates.py > test/golden/updates.json

Gradients come from autograd, steps from torch.optim, norms from torch.nn.functional: nothing here
shares a formula with src/learn. Every input is a short binary fraction, so float32 holds it
exactly. Written with 9 digits.

A round, with theta, phi the parameters of actor and critic, and primes for their targets:
  y    = r + d min_i Q_i'(s', mu'(s'))         d is gamma^span, 0 where the episode terminated
  phi  <- Adam of  sum_i mean((Q_i(s, a) - y)^2),   `policyDelay` times, each on 5 rows of its own
  theta <- Adam of  -mean(Q_1(s, mu(s)))        with the new phi, on the last 5 rows
  theta' <- theta' + tau (theta - theta'), phi' alike
mu(s) = tanh(network(s)). Targets stay as they are between the critic steps of a round.

What each case adds:
  ddpg             one critic, delay 1, no noise
  reward scale     r is the stored return times `rewardScale`; rates times `rateShare`
  n-step           stored returns of n steps, d = gamma^n, s' from n rows on
  td3              two critics, delay 2, a' = clip(mu'(s') + clip(0.2 e, -0.5, 0.5), -1, 1)
  tanh             tanh in the place of relu
  layer norm       critic: activation(gain (x - mean) / sqrt(variance + 1e-5) + shift), by row
  layer norm all   the same in the actor, and twin critics
  batch norm       the same by column, over the minibatch, in the critic's step for the critic and
                   in the actor's step for the actor; running <- running + share (batch - running),
                   the variance unbiased. Every other pass, targets included, uses the running ones
                   of the online networks as they are then.
  batch norm td3   two critics with statistics of their own, delay 2
  late action      the action enters the critic's second layer: x2 = [activation(x1), a]
  later action     the action enters the critic's output layer
  gradient clip    g <- g min(1, c / |g|), over all parameters of a network; c cuts both here
  clip unused      the same with a c that no gradient reaches
  l2               the critic's loss has c/2 sum(w^2) more, over the weights of its hidden layers:
                   no biases, no output layer, no gains
  l2 clip          the same, clipped: the decay is part of what is clipped
  decoupled        AdamW: the same weights are multiplied by 1 - rate c before the step
  decoupled td3    the same for both critics, at both critic steps
  caps temporal    the actor's loss has  w mean(|mu(s) - mu(s')|)  more
  caps spatial     the actor's loss has  w mean(|mu(s) - mu(s + sigma e)|)  more
                   |x| = sqrt(sum(x^2) + 1e-8), and the gradient goes through both actions
  action penalty   the actor's loss has  w mean(z^2)  more, z the outputs before tanh
  actor noise      the actor's loss is -mean(Q_1(s, clip(mu(s) + sigma share e, -1, 1)))
  prioritised      the critic's loss is sum_i mean(w (Q_i(s, a) - y)^2)
  popart           moments (m, v) <- (m, v) + share ((mean y, mean y^2) - (m, v)), s^2 = v - m^2
                   with s never below 0.01. The last layers of critic and target become w s/s' and
                   (b s + m - m')/s'. Then the critic fits (y - m')/s'. Values in y and in the
                   actor's loss are s Q + m, in y by the old moments.
  popart td3       the same with two critics and two critic steps
  observation clip s = clip((raw - mean) scale, -5, 5)
  hard update      tau 1 at every second actor step, and this is one: the targets become copies
  no update        this is not one: the targets stay
  all together     td3 with tanh, layer norm, late action, L2, CAPS, penalty and weights

metrics: msbe = mean over rows and critics of (Q - y)^2 (no weights; in PopArt's units); actorLoss;
q = mean Q_1(s, a) before the critic's step; the norms of the losses' gradients over all parameters,
before clipping and without L2; all of the round's last minibatch. tdError: Q_1(s, a) - y, all rows.
parameterNoise: sqrt(mean((mu(s) - mu~(s))^2)) of a perturbed actor mu~ (Plappert et al. 2018).
"""

import json
import math

import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

BASE = {
    "batch": 5,
    "policyDelay": 1,
    "targetNoise": 0,
    "targetNoiseClip": 0.5,
    "tau": 0.125,
    "targetEvery": 1,
    "actorRate": 0.0078125,
    "criticRate": 0.015625,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "criticDecay": 0,
    "decayKind": "l2",
    "gradientClip": 0,
    "actorNoise": 0,
    "actionPenalty": 0,
    "smoothTemporal": 0,
    "smoothSpatial": 0,
    "smoothSigma": 0.0625,
    "observationClip": 0,
    "statisticsShare": 0.25,
    "popArt": False,
    "weighted": False,
}
SHAPE = {
    "observations": 4,
    "actions": 2,
    "actorHidden": [7, 5],
    "criticHidden": [6, 4],
    "activation": "relu",
    "actorNorm": "none",
    "criticNorm": "none",
    "actionLayer": 0,
    "critics": 1,
}
# What a case is given beside its losses and its networks.
GIVEN = {"steps": 6, "rewardScale": 1, "rateShare": 1, "noiseShare": 1, "spans": 1, "scaled": False}

TWIN = {"policyDelay": 2, "targetNoise": 0.2, "critics": 2}
DECAY = {"criticDecay": 0.5}
CASES = {
    "ddpg": {},
    "reward scale": {"rewardScale": 0.125, "rateShare": 0.5},
    "n-step": {"spans": 3},
    "td3": TWIN,
    "tanh": {"activation": "tanh"},
    "layer norm": {"criticNorm": "layer"},
    "layer norm all": {**TWIN, "criticNorm": "layer", "actorNorm": "layer"},
    "batch norm": {"criticNorm": "batch", "actorNorm": "batch"},
    "batch norm td3": {**TWIN, "criticNorm": "batch", "actorNorm": "batch"},
    "late action": {"actionLayer": 1},
    "later action": {"actionLayer": 2},
    "gradient clip": {"gradientClip": 0.0625},
    "clip unused": {"gradientClip": 64},
    "l2": DECAY,
    "l2 clip": {**DECAY, "gradientClip": 0.25},
    "decoupled": {**DECAY, "decayKind": "decoupled"},
    "decoupled td3": {**TWIN, **DECAY, "decayKind": "decoupled"},
    "caps temporal": {"smoothTemporal": 0.5},
    "caps spatial": {"smoothSpatial": 2},
    "action penalty": {"actionPenalty": 0.25},
    "actor noise": {"actorNoise": 0.5, "noiseShare": 0.5},
    "prioritised": {"weighted": True},
    "popart": {"popArt": True},
    "popart td3": {**TWIN, "popArt": True},
    "observation clip": {"observationClip": 5, "scaled": True},
    "hard update": {"tau": 1, "targetEvery": 2, "steps": 5},
    "no update": {"tau": 1, "targetEvery": 2},
    "all together": {
        **TWIN,
        **{"activation": "tanh", "criticNorm": "layer", "actorNorm": "layer", "actionLayer": 1},
        **DECAY,
        **{"smoothTemporal": 0.5, "smoothSpatial": 2, "actionPenalty": 0.25, "weighted": True},
    },
}


def fractions(seed, count, low, high, unit):
    """Random multiples of 1/unit, so that float32 holds each exactly."""
    generator = torch.Generator().manual_seed(seed)
    whole = torch.randint(int(low * unit), int(high * unit) + 1, (count,), generator=generator)
    return whole / unit


class Network:
    """Affine layers with norms; `leaves` are its parameters in the order of the flat vector."""

    def __init__(self, widths, late, extra, norm, activation, flat, statistics):
        self.late, self.norm = late, norm
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[activation]
        self.layers, self.running = [], []
        at = 0

        def take(*dims):
            nonlocal at
            at += math.prod(dims)
            return flat[at - math.prod(dims) : at].clone().reshape(dims).requires_grad_()

        for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:])):
            layer = [take(inputs + (extra if i == late else 0), outputs), take(outputs)]
            if norm != "none" and i + 2 < len(widths):
                layer += [take(outputs), take(outputs)]
            self.layers.append(layer)
        assert at == len(flat)
        if norm == "batch":
            hidden = [width for width in widths[1:-1] for _ in range(2)]
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
            if self.norm == "batch":
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
        total = 0
        for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:])):
            total += (inputs + (extra if i == late else 0)) * outputs + outputs
            total += 2 * outputs if norm != "none" and i + 2 < len(widths) else 0
        return total, 2 * sum(widths[1:-1]) if norm == "batch" else 0

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


class Round:
    """One case: its networks and what they learn from."""

    def __init__(self, changes):
        every = {**BASE, **SHAPE, **GIVEN, **changes}
        self.losses = {name: every[name] for name in BASE}
        self.shape = {name: every[name] for name in SHAPE}
        self.given = {name: every[name] for name in GIVEN}
        self.before = state_of(self.shape, self.losses["popArt"])
        self.data = self.data_of()
        shape, losses, before = self.shape, self.losses, self.before
        critics = shape["critics"]

        def actor(of):
            widths = [shape["observations"], *shape["actorHidden"], shape["actions"]]
            statistics = before.get("actor.statistics")
            norm, activation = shape["actorNorm"], shape["activation"]
            return Network(widths, -1, 0, norm, activation, before[f"actor.{of}"], statistics)

        def critic(of):
            widths = [shape["observations"], *shape["criticHidden"], 1]
            parts = before[f"critic.{of}"].chunk(critics)
            statistics = before.get("critic.statistics", torch.zeros(critics)).chunk(critics)
            fixed = (shape["actionLayer"], shape["actions"], shape["criticNorm"])
            fixed += (shape["activation"],)
            return [Network(widths, *fixed, *each) for each in zip(parts, statistics)]

        self.actor, self.actor_target = actor("online"), actor("target")
        self.critics, self.critic_targets = critic("online"), critic("target")
        self.moments = before.get("critic.moments")
        delay, share = losses["policyDelay"], self.given["rateShare"]
        # A round of `policyDelay` critic steps makes one of the actor.
        steps = self.given["steps"]

        def optimiser(networks, name, count, decay):
            moments = [before[f"{name}.{which}Moment"] for which in ("first", "second")]
            rate = losses[f"{name}Rate"] * share
            return Optimiser(networks, losses, rate, *moments, count, decay)

        self.actor_adam = optimiser([self.actor], "actor", steps // delay, 0)
        self.critic_adam = optimiser(self.critics, "critic", steps, losses["criticDecay"])
        self.actor_step = steps // delay + 1

    def data_of(self):
        losses, shape, given = self.losses, self.shape, self.given
        draws = losses["batch"] * losses["policyDelay"]
        count = draws + given["spans"]
        width = shape["observations"] + shape["actions"]
        rows = fractions(30, count * width, -1, 1, 64).reshape(count, width)
        returns = fractions(31, count, -2, 1, 64).reshape(count, 1)
        discount = torch.full((count, 1), 0.96875 ** given["spans"])
        # Rounded to what float32 holds; one row of five terminated.
        discount = torch.round(discount * 4096) / 4096
        discount[2::5] = 0
        index = torch.arange(draws)
        data = {
            "rows": torch.cat([rows, returns, discount], 1),
            "index": index,
            "nextIndex": index + given["spans"],
            "observationMean": torch.zeros(shape["observations"]),
            "observationScale": torch.ones(shape["observations"]),
        }
        if given["scaled"]:
            data["observationMean"] = torch.tensor([0.5, -0.25, 0.0, 0.125])
            data["observationScale"] = torch.tensor([2.0, 8.0, 0.5, 16.0])
        if losses["targetNoise"] > 0:
            noise = fractions(32, draws * shape["actions"], -4, 4, 16)
            data["targetNoise"] = noise.reshape(draws, -1)
        if losses["weighted"]:
            data["weight"] = fractions(33, draws, 0.125, 1, 16).reshape(-1, 1)
        if losses["smoothSpatial"] > 0:
            data["neighbour"] = fractions(34, 5 * shape["observations"], -2, 2, 16).reshape(5, -1)
        if losses["actorNoise"] > 0:
            data["actorNoise"] = fractions(35, 5 * shape["actions"], -2, 2, 16).reshape(5, -1)
        return data

    def normalised(self, raw):
        x = (raw - self.data["observationMean"]) * self.data["observationScale"]
        limit = self.losses["observationClip"]
        return x.clamp(-limit, limit) if limit > 0 else x

    def scale(self):
        """Mean and deviation that an output of the critic stands for."""
        if self.moments is None:
            return torch.tensor(0.0), torch.tensor(1.0)
        mean, square = self.moments
        return mean, (square - mean**2).clamp(min=1e-4).sqrt()

    def target(self, r, d, s_next, noise):
        with torch.no_grad():
            a_next = torch.tanh(self.actor_target(s_next, running=self.actor.running))
            if noise is not None:
                limit = self.losses["targetNoiseClip"]
                a_next = a_next + (self.losses["targetNoise"] * noise).clamp(-limit, limit)
                a_next = a_next.clamp(-1, 1)
            values = [
                target(s_next, a_next, running=online.running)
                for target, online in zip(self.critic_targets, self.critics)
            ]
            mean, deviation = self.scale()
            return r + d * (torch.stack(values).amin(0) * deviation + mean)

    def rescale(self, y):
        """PopArt: the moments take up the targets, the outputs stay what they were."""
        (mean, deviation) = self.scale()
        fresh = torch.stack([y.mean(), (y**2).mean()])
        self.moments = torch.lerp(self.moments, fresh, self.losses["statisticsShare"])
        (new_mean, new_deviation) = self.scale()
        with torch.no_grad():
            for network in [*self.critics, *self.critic_targets]:
                weights, bias = network.layers[-1]
                weights *= deviation / new_deviation
                bias.copy_((deviation * bias + mean - new_mean) / new_deviation)

    def part(self, name, at):
        return self.data[name][at : at + 5] if name in self.data else None

    def batch(self, at):
        n, m = self.shape["observations"], self.shape["actions"]
        row = self.data["rows"][self.part("index", at)]
        s, a, r, d = torch.split(row, [n, m, 1, 1], 1)
        s_next = self.data["rows"][self.part("nextIndex", at)][:, :n]
        return self.normalised(s), a, r * self.given["rewardScale"], d, self.normalised(s_next)

    def critic_step(self, at):
        s, a, r, d, s_next = self.batch(at)
        y = self.target(r, d, s_next, self.part("targetNoise", at))
        if self.moments is not None:
            self.rescale(y)
        mean, deviation = self.scale()
        y = (y - mean) / deviation
        values = [critic(s, a) for critic in self.critics]
        weight = self.part("weight", at)
        loss = sum(((1 if weight is None else weight) * (q - y) ** 2).mean() for q in values)
        norm = self.critic_adam.step(loss)
        msbe = torch.stack([(q - y) ** 2 for q in values]).mean().item()
        q = (values[0] * deviation + mean).mean().item()
        metrics = {"msbe": msbe, "q": q, "criticGradientNorm": norm}
        return metrics, (values[0] - y).detach().flatten()

    def actor_loss(self, at):
        losses = self.losses
        s, _, _, _, s_next = self.batch(at)
        z = self.actor(s)
        action = torch.tanh(z)
        tried = action
        if losses["actorNoise"] > 0:
            sigma = losses["actorNoise"] * self.given["noiseShare"]
            tried = (action + sigma * self.data["actorNoise"]).clamp(-1, 1)
        mean, deviation = self.scale()
        critic = self.critics[0]
        loss = -(critic(s, tried, running=critic.running) * deviation + mean).mean()
        loss = loss + losses["actionPenalty"] * (z**2).mean()

        def distance(other):
            there = torch.tanh(self.actor(other, running=self.actor.running))
            return (((action - there) ** 2).sum(1) + 1e-8).sqrt().mean()

        if losses["smoothTemporal"] > 0:
            loss = loss + losses["smoothTemporal"] * distance(s_next)
        if losses["smoothSpatial"] > 0:
            near = s + losses["smoothSigma"] * self.data["neighbour"]
            loss = loss + losses["smoothSpatial"] * distance(near)
        return loss

    def run(self):
        errors, metrics = [], {}
        delay = self.losses["policyDelay"]
        for k in range(delay):
            metrics, error = self.critic_step(5 * k)
            errors.append(error)
        loss = self.actor_loss(5 * (delay - 1))
        metrics["actorGradientNorm"] = self.actor_adam.step(loss)
        metrics["actorLoss"] = loss.item()
        tau = self.losses["tau"] if self.actor_step % self.losses["targetEvery"] == 0 else 0
        with torch.no_grad():
            online = self.actor.leaves + [leaf for one in self.critics for leaf in one.leaves]
            targets = self.actor_target.leaves
            targets = targets + [leaf for one in self.critic_targets for leaf in one.leaves]
            for target, new in zip(targets, online):
                target.lerp_(new, tau)
        return metrics, torch.cat(errors)

    def after(self):
        state = {}
        for name, online, target, adam in [
            ("actor", [self.actor], [self.actor_target], self.actor_adam),
            ("critic", self.critics, self.critic_targets, self.critic_adam),
        ]:
            state[f"{name}.online"] = torch.cat([one.flat() for one in online])
            state[f"{name}.target"] = torch.cat([one.flat() for one in target])
            state[f"{name}.firstMoment"] = adam.moments("exp_avg")
            state[f"{name}.secondMoment"] = adam.moments("exp_avg_sq")
            if self.shape[f"{name}Norm"] == "batch":
                state[f"{name}.statistics"] = torch.cat([one.statistics() for one in online])
        if self.moments is not None:
            state["critic.moments"] = self.moments
        return state


def plain(value):
    """Tensors as lists, numbers with 9 digits."""
    if isinstance(value, torch.Tensor):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return float(f"{value:.9g}") if isinstance(value, float) else value


def main():
    cases, states = [], {}
    for name, changes in CASES.items():
        case = Round(changes)
        key = json.dumps([sizes_of(case.shape), case.shape["critics"], case.losses["popArt"]])
        states.setdefault(key, (len(states), case.before))
        metrics, errors = case.run()
        cases.append(
            {
                "name": name,
                "losses": {key: one for key, one in case.losses.items() if key in changes},
                "shape": {key: one for key, one in case.shape.items() if key in changes},
                **{key: case.given[key] for key in ("steps", "rewardScale", "rateShare")},
                "noiseShare": case.given["noiseShare"],
                "inputs": case.data,
                "state": states[key][0],
                "metrics": metrics,
                "tdError": errors,
                "after": case.after(),
            }
        )
    file = {
        "torch": torch.__version__.split("+")[0],
        "losses": BASE,
        "shape": SHAPE,
        "states": [state for _, state in states.values()],
        "cases": cases,
        "parameterNoise": parameter_noise(),
    }
    print(json.dumps(plain(file), separators=(",", ":")))


def parameter_noise():
    """The distance between an actor's actions and those of a perturbed one."""
    case = Round({})
    observations = fractions(40, 20, -1, 1, 64).reshape(5, 4)
    actor = case.before["actor.online"]
    perturbed = actor + fractions(41, len(actor), -0.25, 0.25, 64)
    widths = [SHAPE["observations"], *SHAPE["actorHidden"], SHAPE["actions"]]
    there = Network(widths, -1, 0, "none", "relu", perturbed, None)
    with torch.no_grad():
        here, there = torch.tanh(case.actor(observations)), torch.tanh(there(observations))
        distance = ((here - there) ** 2).mean().sqrt()
    return {
        "observations": observations,
        "actor": actor,
        "perturbed": perturbed,
        "actions": here,
        "perturbedActions": there,
        "distance": distance,
    }


main()
