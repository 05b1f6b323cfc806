"""DDPG's gradient step as torch and jax users write it, for the benchmark `gradient-step`.

Usage: gradient_step.py torch-fused|torch-foreach|jax THREADS

Reads one command a line, answers with one line:
  {"observations": 3, "actions": 1, "hidden": [64, 64], "batch": 64}  ->  ready
  <number of steps>                                                   ->  milliseconds per step
Uniform sampling from 100,000 transitions is part of the step. The cores are not chosen here.
torch-fused and torch-foreach are the two that torch has for Adam over many tensors at once; which
is the faster depends on the size.
"""

import json
import sys
import time

CAPACITY = 100_000
GAMMA, TAU, RATE = 0.99, 0.005, 1e-3


def torch_step(case):
    import torch
    from torch import nn

    torch.set_num_threads(int(sys.argv[2]))
    adam = {"fused": True} if sys.argv[1] == "torch-fused" else {"foreach": True}
    observations, actions, batch = case["observations"], case["actions"], case["batch"]

    def network(inputs, outputs, last):
        layers, width = [], inputs
        for hidden in case["hidden"]:
            layers += [nn.Linear(width, hidden), nn.ReLU()]
            width = hidden
        return nn.Sequential(*layers, nn.Linear(width, outputs), *last)

    actor = network(observations, actions, [nn.Tanh()])
    critic = network(observations + actions, 1, [])
    target_actor = network(observations, actions, [nn.Tanh()])
    target_critic = network(observations + actions, 1, [])
    target_actor.load_state_dict(actor.state_dict())
    target_critic.load_state_dict(critic.state_dict())
    actor_adam = torch.optim.Adam(actor.parameters(), lr=RATE, **adam)
    critic_adam = torch.optim.Adam(critic.parameters(), lr=RATE, **adam)
    online = [*actor.parameters(), *critic.parameters()]
    targets = [*target_actor.parameters(), *target_critic.parameters()]
    s, s_next = (torch.rand(CAPACITY, observations) * 2 - 1 for _ in range(2))
    a, r = torch.rand(CAPACITY, actions) * 2 - 1, torch.rand(CAPACITY, 1)
    alive = (torch.rand(CAPACITY, 1) > 0.1).float()

    def step():
        index = torch.randint(CAPACITY, (batch,))
        bs, ba = s[index], a[index]
        with torch.no_grad():
            following = s_next[index]
            q_next = target_critic(torch.cat([following, target_actor(following)], 1))
            y = r[index] + GAMMA * alive[index] * q_next
        loss = nn.functional.mse_loss(critic(torch.cat([bs, ba], 1)), y)
        critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        critic_adam.step()
        critic.requires_grad_(False)
        loss = -critic(torch.cat([bs, actor(bs)], 1)).mean()
        actor_adam.zero_grad(set_to_none=True)
        loss.backward()
        actor_adam.step()
        critic.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(targets, online, TAU)

    def run(steps):
        for _ in range(steps):
            step()

    return run


def jax_step(case):
    import jax
    import jax.numpy as jnp
    import optax

    observations, actions, batch = case["observations"], case["actions"], case["batch"]
    keys = iter(jax.random.split(jax.random.PRNGKey(0), 32))

    def network(inputs, outputs):
        widths = [inputs, *case["hidden"], outputs]
        return [
            (jax.random.uniform(next(keys), (i, o), minval=-1, maxval=1) / i**0.5, jnp.zeros(o))
            for i, o in zip(widths[:-1], widths[1:])
        ]

    def forward(parameters, x):
        for weights, bias in parameters[:-1]:
            x = jax.nn.relu(x @ weights + bias)
        weights, bias = parameters[-1]
        return x @ weights + bias

    def mu(parameters, s):
        return jnp.tanh(forward(parameters, s))

    def q(parameters, s, a):
        return forward(parameters, jnp.concatenate([s, a], 1))

    adam = optax.adam(RATE)
    actor, critic = network(observations, actions), network(observations + actions, 1)
    state = (actor, critic, actor, critic, adam.init(actor), adam.init(critic), next(keys))
    state = jax.tree.map(jnp.array, state)

    def uniform(columns, low):
        return jax.random.uniform(next(keys), (CAPACITY, columns), minval=low, maxval=1)

    replay = (uniform(observations, -1), uniform(actions, -1), uniform(1, -1))
    replay += (uniform(observations, -1), (uniform(1, 0) > 0.1).astype(jnp.float32))

    def step(state, replay):
        actor, critic, target_actor, target_critic, actor_adam, critic_adam, key = state
        key, draw = jax.random.split(key)
        index = jax.random.randint(draw, (batch,), 0, CAPACITY)
        s, a, r, s_next, alive = (column[index] for column in replay)
        y = r + GAMMA * alive * q(target_critic, s_next, mu(target_actor, s_next))
        gradient = jax.grad(lambda p: jnp.mean((q(p, s, a) - y) ** 2))(critic)
        updates, critic_adam = adam.update(gradient, critic_adam)
        critic = optax.apply_updates(critic, updates)
        gradient = jax.grad(lambda p: -jnp.mean(q(critic, s, mu(p, s))))(actor)
        updates, actor_adam = adam.update(gradient, actor_adam)
        actor = optax.apply_updates(actor, updates)
        target_actor = optax.incremental_update(actor, target_actor, TAU)
        target_critic = optax.incremental_update(critic, target_critic, TAU)
        return actor, critic, target_actor, target_critic, actor_adam, critic_adam, key

    @jax.jit
    def eight(state, replay):
        return jax.lax.scan(lambda state, _: (step(state, replay), None), state, None, 8)[0]

    def run(steps):
        nonlocal state
        for _ in range(steps // 8):
            state = eight(state, replay)
        jax.block_until_ready(state)

    return run


def main():
    prepare = jax_step if sys.argv[1] == "jax" else torch_step
    run = None
    for line in sys.stdin:
        command = json.loads(line)
        if isinstance(command, dict):
            run = prepare(command)
            run(80)
            print("ready", flush=True)
        else:
            start = time.perf_counter()
            run(command)
            print((time.perf_counter() - start) / command * 1000, flush=True)


main()
