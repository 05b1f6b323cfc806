"""DDPG of Stable-Baselines3 or SBX on HalfCheetah-v5, for `npm run bench -- half-cheetah`.

Usage: half_cheetah.py sb3|sbx STEPS FROM

256-256 networks, minibatches of 256, one gradient step after each environment step, 1,000 random
steps at first. Prints {"stepsPerSecond": environment steps per second from step FROM on}.
"""

import json
import sys
import time

import gymnasium
import numpy as np
import stable_baselines3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise


class Stopwatch(BaseCallback):
    def __init__(self, first):
        super().__init__()
        self.first = first
        self.begin = 0.0

    def _on_step(self):
        if self.num_timesteps == self.first:
            self.begin = time.perf_counter()
        return True


def main():
    package, steps, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if package == "sbx":
        import sbx

        make, place = sbx.DDPG, "auto"
    else:
        import torch

        torch.set_num_threads(1)
        make, place = stable_baselines3.DDPG, "cpu"
    model = make(
        "MlpPolicy",
        gymnasium.make("HalfCheetah-v5"),
        batch_size=256,
        learning_starts=1_000,
        train_freq=1,
        gradient_steps=1,
        action_noise=NormalActionNoise(np.zeros(6), 0.1 * np.ones(6)),
        policy_kwargs={"net_arch": [256, 256]},
        seed=0,
        device=place,
    )
    stopwatch = Stopwatch(first)
    model.learn(steps, callback=stopwatch)
    seconds = time.perf_counter() - stopwatch.begin
    print(json.dumps({"stepsPerSecond": (steps - first) / seconds}))


main()
