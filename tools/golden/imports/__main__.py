"""Writes test/golden/import/: policies as others export them, and what PyTorch says they answer.

pip install torch==2.15.0 stable-baselines3==2.9.2 gymnasium==1.4.0 onnx==1.23.2 onnxscript==0.7.2
pyyaml==6.0.4, then: python -W ignore tools/golden/imports test/golden/import

Each folder is one export: policy.onnx, perhaps policy.onnx.data, what lies beside it, and
torch.json: observations in physical units, as a robot gives them, and the actions in physical
units, step by step, a policy's own last action fed back as its training environment does it. The
arithmetic is float64 where the modules allow it, of the same float32 weights.

  bare.py     SB3 (the package's own actors), CleanRL, d3rlpy: nothing says what numbers mean
  legged.py   mjlab, BeyondMimic, unitree_rl_lab, microduck: part of it is said
  unfit.py    what must be refused: memory, training mode, noise

Networks are untrained, with seeded weights, and small.
"""

import sys

import bare
import legged
import unfit
from folder import Folder


def main():
    root = sys.argv[1]
    for module in (bare, legged, unfit):
        for name, write in module.CASES.items():
            write(Folder(root, name))
            print(name)


main()
