"""DDPG of Stable-Baselines3 or SBX on HalfCheetah-v5, for `npm run bench -- half-cheetah`.

Usage: half_cheetah.py sb3|sbx STEPS FROM EVERY THREADS

256-256 networks, minibatches of 256, Adam at 1e-3, EVERY gradient steps after every EVERY
environment steps, 1,000 random steps at first. What is not given here is the package's own: one
critic, discount 0.99, tau 0.005, a replay of a million.
Prints {"stepsPerSecond": environment steps per second from step FROM on}.
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
    package = sys.argv[1]
    steps, first, every, threads = map(int, sys.argv[2:])
    if package == "sbx":
        import sbx

        # SBX has a rate of its own for the critic; SB3 has one for both networks.
        make, own = sbx.DDPG, {"qf_learning_rate": 1e-3}
    else:
        import torch

        torch.set_num_threads(threads)
        make, own = stable_baselines3.DDPG, {"device": "cpu"}
    model = make(
        "MlpPolicy",
        gymnasium.make("HalfCheetah-v5"),
        learning_rate=1e-3,
        batch_size=256,
        learning_starts=1_000,
        train_freq=every,
        gradient_steps=every,
        action_noise=NormalActionNoise(np.zeros(6), 0.1 * np.ones(6)),
        policy_kwargs={"net_arch": [256, 256]},
        seed=0,
        **own,
    )
    stopwatch = Stopwatch(first)
    model.learn(steps, callback=stopwatch)
    seconds = time.perf_counter() - stopwatch.begin
    print(json.dumps({"stepsPerSecond": (steps - first) / seconds}))


main()
