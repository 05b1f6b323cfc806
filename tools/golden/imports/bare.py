"""Policies whose ONNX says nothing of itself, each with the spec that says it."""

import numpy as np
import torch
from folder import observations, seeded
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

LOW, HIGH = [-1.0, -1.0, -8.0], [1.0, 1.0, 8.0]
ACTION_LOW, ACTION_HIGH = np.array([-2.0, 0.5]), np.array([2.0, 1.25])

CHANNELS = """observation:
  - { name: angle_cos, unit: "1", low: -1, high: 1 }
  - { name: angle_sin, unit: "1", low: -1, high: 1 }
  - { name: angle_rate, unit: rad/s, low: -8, high: 8 }
action:
  - { name: pole_torque, unit: N*m, low: -2, high: 2 }
  - { name: valve, unit: "1", low: 0.5, high: 1.25 }
"""


def spec(graph, algorithm="td3", channels=CHANNELS):
    return f"task: pole\nalgorithm: {algorithm}\nrateHz: 20\ngraph: {{ {graph} }}\n{channels}"


def answers(function, dtype=torch.float32, seed=1):
    inputs = observations(seed, LOW, HIGH)
    with torch.no_grad():
        return [(row, function(torch.tensor(row[None], dtype=dtype)).numpy()) for row in inputs]


def unit(function):
    """-1 to 1 as low to high: what SB3 does outside of its networks."""

    def physical(x):
        low, high = torch.tensor(ACTION_LOW), torch.tensor(ACTION_HIGH)
        return low + 0.5 * (function(x).double() + 1) * (high - low)

    return physical


def box(low, high):
    return spaces.Box(np.float32(low), np.float32(high))


class Of(nn.Module):
    """A module that is only a call, as people wrap SB3's policies to export them."""

    def __init__(self, inner, call):
        super().__init__()
        self.inner, self.call = inner, call

    def forward(self, obs):
        return self.call(self.inner, obs)


def sb3(policy, seed):
    spaces_of_it = box(LOW, HIGH), box(ACTION_LOW, ACTION_HIGH)
    return seeded(seed, policy(*spaces_of_it, lambda _: 1e-3, net_arch=[16, 16]))


def sb3_td3(dynamo):
    def write(folder):
        actor = sb3(TD3Policy, 1).actor
        wrapped = Of(actor, lambda inner, obs: inner(obs))
        folder.export(wrapped, (torch.zeros(1, 3),), dynamo=dynamo)
        folder.text("spec.yaml", spec("outputIs: unit, normaliser: none"))
        folder.golden(answers(unit(wrapped)))

    return write


def sb3_td3_normalised(folder):
    """VecNormalize stands before the network, and is exported by nobody."""
    actor = sb3(TD3Policy, 2).actor
    wrapped = Of(actor, lambda inner, obs: inner(obs))
    mean, variance, epsilon, clip = [0.125, -0.25, 1.5], [0.25, 0.5, 9.0], 1e-8, 1.75
    folder.export(wrapped, (torch.zeros(1, 3),))
    statistics = f"{{ mean: {mean}, variance: {variance}, epsilon: 1e-8, clip: {clip} }}"
    folder.text("spec.yaml", spec(f"outputIs: unit, normaliser: {statistics}"))

    def normalised(x):
        scaled = (x.double() - torch.tensor(mean)) / torch.sqrt(torch.tensor(variance) + epsilon)
        return wrapped(torch.clip(scaled, -clip, clip).float())

    folder.golden(answers(unit(normalised)))


def sb3_sac(folder):
    """The mean, through a tanh; the standard deviation is computed and only its shape used."""
    actor = sb3(SACPolicy, 3).actor
    wrapped = Of(actor, lambda inner, obs: inner(obs, deterministic=True))
    folder.export(wrapped, (torch.zeros(1, 3),), input_names=["obs"], output_names=["out"])
    folder.text("spec.yaml", spec("outputIs: unit, normaliser: none", "sac"))
    folder.golden(answers(unit(wrapped)))


def sb3_ppo(deterministic):
    """Three outputs: action, value, log-probability."""

    def write(folder):
        policy = sb3(ActorCriticPolicy, 4)
        wrapped = Of(policy, lambda inner, obs: inner(obs, deterministic=deterministic))
        folder.export(wrapped, (torch.zeros(1, 3),))
        folder.text("spec.yaml", spec("outputIs: physical, normaliser: none", "ppo"))

        def clipped(x):
            action = policy(x, deterministic=True)[0].double()
            return torch.clip(action, torch.tensor(ACTION_LOW), torch.tensor(ACTION_HIGH))

        folder.golden(answers(clipped))

    return write


class CleanActor(nn.Module):
    """Three layers, tanh, then the range of the action space inside."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 16), nn.Linear(16, 16)
        self.mean = nn.Linear(16, 2)
        low, high = torch.tensor(ACTION_LOW), torch.tensor(ACTION_HIGH)
        self.register_buffer("scale", ((high - low) / 2).float())
        self.register_buffer("bias", ((high + low) / 2).float())

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        return torch.tanh(self.mean(x)) * self.scale + self.bias


def cleanrl(dtype=torch.float32, example=(1, 3), **options):
    def write(folder):
        actor = seeded(5, CleanActor())
        chosen = CleanActor().eval()
        chosen.load_state_dict(actor.state_dict())
        folder.export(chosen.to(dtype), (torch.zeros(example, dtype=dtype),), **options)
        folder.text("spec.yaml", spec("normaliser: none", "ddpg"))
        folder.golden(answers(actor.double(), torch.float64))

    return write


def d3rlpy(folder):
    """A traced function, operator set 11: standard scaler, policy, min-max scaler reversed."""
    encoder = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    policy = seeded(6, nn.Sequential(encoder, nn.Linear(16, 2), nn.Tanh()))
    mean, std = torch.tensor([[0.1, -0.2, 0.5]]), torch.tensor([[0.7, 0.6, 3.0]])
    low, high = (torch.tensor(one[None], dtype=torch.float32) for one in (ACTION_LOW, ACTION_HIGH))

    def act(x):
        scaled = (x - mean) / (std + 1e-3)
        return ((high - low) / 2) * (policy(scaled) + 1) + low

    names = {"input_names": ["input_0"], "output_names": ["output_0"], "opset_version": 11}
    example = torch.zeros(1, 3)
    folder.export(torch.jit.trace(act, example, check_trace=False), (example,), **names)
    folder.text("spec.yaml", spec("outputIs: physical", "td3+bc"))
    folder.golden(answers(act))


class Residual(nn.Module):
    """Layer normalisation, residual sums, SiLU, one column twice, and a clip in the end."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.norm = nn.LayerNorm(8)
        self.batch = nn.BatchNorm1d(3)

    def forward(self, x):
        x = self.batch(x)
        x = self.first(torch.cat([x, x[:, 2:3] ** 2], dim=1))
        x = x + nn.functional.silu(self.second(self.norm(x)))
        x = nn.functional.softplus(x) - nn.functional.leaky_relu(x, 0.125)
        x = x - x.mean(dim=-1, keepdim=True)
        return torch.clamp(self.last(x), -0.5, 1.5)


def residual(dynamo):
    def write(folder):
        module = seeded(7, Residual())
        generator = torch.Generator().manual_seed(8)
        module.batch.running_mean.copy_(torch.rand(3, generator=generator) - 0.5)
        module.batch.running_var.copy_(torch.rand(3, generator=generator) * 4 + 0.5)
        folder.export(module, (torch.zeros(1, 3),), dynamo=dynamo)
        folder.text("spec.yaml", spec("outputIs: physical, normaliser: inside", "sac"))
        exact = Residual().eval()
        exact.load_state_dict(module.state_dict())
        limits = torch.tensor(ACTION_LOW), torch.tensor(ACTION_HIGH)
        function = exact.double()
        folder.golden(answers(lambda x: torch.clip(function(x), *limits), torch.float64))

    return write


BATCH = {0: torch.export.Dim("batch")}
AXES = {"obs": {0: "batch"}, "act": {0: "batch"}}
CASES = {
    "sb3-td3": sb3_td3(False),
    "sb3-td3-dynamo": sb3_td3(True),
    "sb3-td3-normalised": sb3_td3_normalised,
    "sb3-sac": sb3_sac,
    "sb3-ppo": sb3_ppo(True),
    "sb3-ppo-stochastic": sb3_ppo(False),
    "cleanrl": cleanrl(),
    "cleanrl-dynamo": cleanrl(dynamo=True),
    "cleanrl-batch": cleanrl(input_names=["obs"], output_names=["act"], dynamic_axes=AXES),
    "cleanrl-dynamo-batch": cleanrl(dynamo=True, example=(2, 3), dynamic_shapes=(BATCH,)),
    "cleanrl-double": cleanrl(dtype=torch.float64),
    "cleanrl-unbatched": cleanrl(example=(3,)),
    "d3rlpy": d3rlpy,
    "residual": residual(False),
    "residual-dynamo": residual(True),
}
