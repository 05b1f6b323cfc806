"""One folder of test/golden/import."""

import json
import os

import numpy as np
import onnx
import torch

VERSION = torch.__version__.split("+")[0]


def seeded(seed, module):
    """The module with weights that a trained one might have: larger than at the beginning."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
        reach = 1.5 / max(1, parameter.shape[-1]) ** 0.5
        parameter.copy_((torch.rand(parameter.shape, generator=generator) * 2 - 1) * reach)
    return module.eval()


def observations(seed, low, high, count=24):
    """Points that float32 holds exactly, a little beyond the limits too."""
    low, high = np.asarray(low), np.asarray(high)
    share = np.random.default_rng(seed).uniform(-0.1, 1.1, (count, len(low)))
    return (low + (high - low) * share).astype(np.float32).astype(np.float64)


def plain(values):
    return [float(f"{value:.9g}") for value in np.asarray(values, np.float64).reshape(-1)]


class Folder:
    def __init__(self, root, name):
        self.path = os.path.join(root, name)
        os.makedirs(self.path, exist_ok=True)
        for old in os.listdir(self.path):
            os.remove(os.path.join(self.path, old))

    def file(self, name):
        return os.path.join(self.path, name)

    def text(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as file:
            file.write(text)

    def export(self, module, inputs, dynamo=False, **options):
        """As torch.onnx.export writes it: by TorchScript, or by torch.export.

        Only the paths of the machine, which the second writes into its nodes, are left out.
        """
        if not dynamo:
            options = {"opset_version": 17, **options}
        path = self.file("policy.onnx")
        torch.onnx.export(module, inputs, path, dynamo=dynamo, verbose=False, **options)
        model = onnx.load(path, load_external_data=False)
        for node in model.graph.node:
            for entry in list(node.metadata_props):
                if entry.key == "pkg.torch.onnx.stack_trace":
                    node.metadata_props.remove(entry)
        with open(path, "wb") as file:
            file.write(model.SerializeToString())
        data = f"{path}.data"
        if os.path.exists(data) and os.path.getsize(data) == 0:
            os.remove(data)

    def metadata(self, entries):
        model = onnx.load(self.file("policy.onnx"), load_external_data=False)
        for key, value in entries.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.save(model, self.file("policy.onnx"))

    def golden(self, steps, **more):
        """`steps` are pairs of an observation and an action."""

        def rows(pairs):
            return [{"observation": plain(o), "action": plain(a)} for o, a in pairs]

        content = {"torch": VERSION, "steps": rows(steps)}
        for name, pairs in more.items():
            content[name] = rows(pairs)
        self.text("torch.json", json.dumps(content, separators=(",", ":")) + "\n")
