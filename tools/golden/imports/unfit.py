"""Policies that no contract of ours can carry, with one thing wrong in each."""

import torch
from bare import LOW, spec
from folder import seeded
from torch import nn


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory, self.last = nn.GRU(3, 4), nn.Linear(4, 2)

    def forward(self, obs, h_in):
        x, h_out = self.memory(obs.unsqueeze(0), h_in)
        return torch.tanh(self.last(x.squeeze(0))), h_out


def recurrent(folder):
    names = {"input_names": ["obs", "h_in"], "output_names": ["actions", "h_out"]}
    inputs = (torch.zeros(1, len(LOW)), torch.zeros(1, 1, 4))
    folder.export(seeded(20, Recurrent()), inputs, **names)
    folder.text("spec.yaml", spec("outputIs: unit, normaliser: none"))


def trained(layer):
    """Exported while it still trains."""

    def write(folder):
        module = seeded(21, nn.Sequential(nn.Linear(3, 4), layer, nn.Linear(4, 2), nn.Tanh()))
        mode = torch.onnx.TrainingMode.TRAINING
        options = {"training": mode, "do_constant_folding": False}
        axes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
        example = torch.linspace(-1, 1, 6).reshape(2, 3)
        folder.export(module.train(), (example,), **axes, **options)
        folder.text("spec.yaml", spec("outputIs: unit, normaliser: none"))

    return write


class Twofold(nn.Module):
    """Mean and logarithm of the standard deviation, of the same width."""

    def __init__(self):
        super().__init__()
        self.body, self.mean, self.spread = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x):
        x = torch.relu(self.body(x))
        return torch.tanh(self.mean(x)), self.spread(x)


def twofold(folder):
    folder.export(seeded(22, Twofold()), (torch.zeros(1, 3),), output_names=["mean", "log_std"])
    folder.text("spec.yaml", spec("outputIs: unit, normaliser: none"))


CASES = {
    "recurrent": recurrent,
    "training-dropout": trained(nn.Dropout(0.5)),
    "training-batch-norm": trained(nn.BatchNorm1d(4)),
    "twofold": twofold,
}
