"""The replay buffer of Stable-Baselines3, for `npm run bench -- replay-buffer --peers`.

Reads one command a line, answers with one line:
  {"transitions": 1000000, "observations": 17, "actions": 6, "batch": 256}
      ->  {"grownMB": growth of the process's memory, "arraysMB": bytes of the buffer's arrays}
  <number of samples>  ->  microseconds to draw one minibatch, as tensors
Observations are float64, as HalfCheetah-v5 gives them and as the buffer then stores them.
"""

import json
import os
import sys
import time

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

ARRAYS = ["observations", "next_observations", "actions", "rewards", "dones", "timeouts"]


def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def filled(case):
    count = case["transitions"]
    box = spaces.Box(-np.inf, np.inf, (case["observations"],), np.float64)
    actions = spaces.Box(-1, 1, (case["actions"],), np.float32)
    buffer = ReplayBuffer(count, box, actions, device="cpu")
    generator = np.random.default_rng(0)
    # Whole arrays at once: a million calls of `add` would fill them alike, but for minutes.
    for name in ARRAYS:
        array = getattr(buffer, name)
        for at in range(0, count, 10_000):
            part = array[at : at + 10_000]
            part[...] = generator.standard_normal(part.shape) if array.ndim == 3 else 0
    buffer.full = True
    return buffer


def main():
    torch.set_num_threads(1)
    buffer, batch = None, 0
    for line in sys.stdin:
        command = json.loads(line)
        if isinstance(command, dict):
            before = resident_mb()
            buffer, batch = filled(command), command["batch"]
            grown = resident_mb() - before
            size = sum(getattr(buffer, name).nbytes for name in ARRAYS) / 1e6
            print(json.dumps({"grownMB": grown, "arraysMB": size}), flush=True)
        else:
            begin = time.perf_counter()
            for _ in range(command):
                buffer.sample(batch)
            print((time.perf_counter() - begin) / command * 1e6, flush=True)


main()
