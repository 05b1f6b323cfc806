"""Trains Pendulum-v1 as users of Stable-Baselines3 or SBX do, for `npm run bench -- pendulum`.

Usage: pendulum.py sb3|sbx DDPG|TD3 SEED STEPS SOLVED STARTS FOLDER

The settings are RL Baselines3 Zoo's for Pendulum-v1. STARTS is a JSON file of {"judged",
"selection"}, lists of [theta, thetaDot]. Every 1,000 steps of learning the policy is evaluated from
the selection starts, and the best is kept, as their EvalCallback does. Leaves in FOLDER policy.zip,
the policy of the last step, and solved.zip, the first whose evaluation reached SOLVED.
Prints one line:
  {"best", "last": mean returns from the judged starts,
   "evaluations": [mean return from the selection starts],
   "evaluationSeconds": what all evaluations cost,
   "solved": null, or {"return": from the judged starts, "evaluationSeconds": until then}}
Noise is off in every evaluation, and an episode has 200 steps.
"""

import json
import sys
import time

import gymnasium
import numpy as np
import stable_baselines3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise

WARM_UP = 10_000
EVALUATE_EVERY = 1_000


def returns_of(model, starts):
    """Undiscounted returns of one episode from each start, all in step."""
    theta, speed = np.array(starts, dtype=np.float64).T
    total = np.zeros(len(theta))
    for _ in range(200):
        seen = np.stack([np.cos(theta), np.sin(theta), speed], 1).astype(np.float32)
        action, _ = model.predict(seen, deterministic=True)
        torque = np.clip(np.asarray(action)[:, 0].astype(np.float64), -2, 2)
        angle = (theta + np.pi) % (2 * np.pi) - np.pi
        total -= angle**2 + 0.1 * speed**2 + 0.001 * torque**2
        speed = np.clip(speed + (15 * np.sin(theta) + 3 * torque) * 0.05, -8, 8)
        theta = theta + speed * 0.05
    return total


class Evaluations(BaseCallback):
    def __init__(self, starts, solved_return, folder):
        super().__init__()
        self.starts = starts
        self.solved_return = solved_return
        self.folder = folder
        self.means = []
        self.seconds = 0.0
        self.best = None
        self.solved = None

    def _on_step(self):
        if self.num_timesteps > WARM_UP and self.num_timesteps % EVALUATE_EVERY == 0:
            begin = time.perf_counter()
            mean = self.mean_from("selection")
            self.seconds += time.perf_counter() - begin
            if mean >= self.solved_return and self.solved is None:
                self.model.save(f"{self.folder}/solved.zip")
                self.solved = {"evaluationSeconds": self.seconds}
            begin = time.perf_counter()
            if not self.means or mean > max(self.means):
                self.best = self.mean_from("judged")
            if self.solved is not None and "return" not in self.solved:
                self.solved["return"] = self.mean_from("judged")
            self.means.append(mean)
            self.seconds += time.perf_counter() - begin
        return True

    def mean_from(self, which):
        return float(returns_of(self.model, self.starts[which]).mean())


def main():
    package, algorithm, seed, steps, solved_return, starts_path, folder = sys.argv[1:]
    if package == "sbx":
        import sbx

        make = getattr(sbx, algorithm)
    else:
        make = getattr(stable_baselines3, algorithm)
    with open(starts_path) as file:
        starts = json.load(file)
    model = make(
        "MlpPolicy",
        gymnasium.make("Pendulum-v1"),
        gamma=0.98,
        buffer_size=200_000,
        learning_starts=WARM_UP,
        action_noise=NormalActionNoise(np.zeros(1), 0.1 * np.ones(1)),
        gradient_steps=1,
        train_freq=1,
        learning_rate=1e-3,
        policy_kwargs={"net_arch": [400, 300]},
        seed=int(seed),
        device="cpu" if package == "sb3" else "auto",
    )
    evaluations = Evaluations(starts, float(solved_return), folder)
    model.learn(int(steps), callback=evaluations)
    model.save(f"{folder}/policy.zip")
    last = evaluations.mean_from("judged")
    result = {
        "best": last if evaluations.best is None else evaluations.best,
        "last": last,
        "evaluations": evaluations.means,
        "evaluationSeconds": evaluations.seconds,
        "solved": evaluations.solved,
    }
    print(json.dumps(result))


main()
