"""One round of learning."""

import torch
from cases import BASE, GIVEN, SHAPE
from network import Network, Optimiser, fractions, state_of


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
