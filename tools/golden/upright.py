"""Writes test/golden/upright-v5.json: 40 steps of the tasks that end on falling, by Gymnasium.

pip install "gymnasium[mujoco]==1.4.0" mujoco==3.14.0, then:
python tools/golden/upright.py > test/golden/upright-v5.json

Under uniform actions these three fall within a dozen steps, which is where their golden episodes
end. Here the legs are driven gently and the cart by feedback, so that none falls, and nothing goes
on past an end. Actions are float32; every other number is a double, written so that it comes back.
"""

import json

import gymnasium
import mujoco
import numpy

STEPS = 40


def gentle(space, rng, _observation):
    """A tenth of the range, at random."""
    return space.high * rng.uniform(-0.1, 0.1, space.shape)


def balancing(space, rng, observation):
    """Position, angle and their speeds, fed back, and some noise."""
    push = observation @ numpy.array([0.5, 8.0, 0.8, 1.2]) + rng.uniform(-0.2, 0.2)
    return numpy.clip([push], space.low, space.high)


def episode(env, seed, choose):
    rng = numpy.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    data = env.unwrapped.data
    found = {
        "seed": seed,
        "qpos": data.qpos.tolist(),
        "qvel": data.qvel.tolist(),
        "observation0": observation.tolist(),
        "steps": [],
    }
    for _ in range(STEPS):
        action = choose(env.action_space, rng, observation).astype(numpy.float32)
        observation, reward, terminated, truncated, _ = env.step(action)
        assert not terminated and not truncated
        found["steps"].append(
            {
                "action": action.tolist(),
                "observation": observation.tolist(),
                "reward": float(reward),
                "terminated": terminated,
                "truncated": truncated,
            }
        )
    return found


def main():
    versions = {
        "gymnasium": gymnasium.__version__,
        "mujoco": mujoco.__version__,
        "numpy": numpy.__version__,
    }
    tasks = []
    for name, choose in [
        ("InvertedPendulum-v5", balancing),
        ("Hopper-v5", gentle),
        ("Walker2d-v5", gentle),
    ]:
        env = gymnasium.make(name)
        episodes = [episode(env, seed, choose) for seed in (2, 3)]
        tasks.append({"env": name, **versions, "episodes": episodes})
    print(json.dumps(tasks, separators=(",", ":")))


main()
