"""Writes test/golden/updates.json: one round of learning, case by case, by PyTorch in float64.

pip install torch==2.15.0 (that of tools/bench/peers/requirements.txt), then:
python tools/golden/updates > test/golden/updates.json

Gradients come from autograd, steps from torch.optim, norms from torch.nn.functional: nothing here
shares a formula with src/learn. Every input is a short binary fraction, so float32 holds it
exactly. Written with 9 digits.

A round, with theta, phi the parameters of actor and critic, and primes for their targets:
  y    = r + d min_i Q_i'(s', mu'(s'))         d is gamma^span, 0 where the episode terminated
  phi  <- Adam of  sum_i mean((Q_i(s, a) - y)^2),   `policyDelay` times, each on 5 rows of its own
  theta <- Adam of  -mean(Q_1(s, mu(s)))        with the new phi, on the last 5 rows
  theta' <- theta' + tau (theta - theta'), phi' alike
mu(s) = tanh(network(s)). Targets stay as they are between the critic steps of a round.

What each case adds:
  ddpg             one critic, delay 1, no noise
  reward scale     r is the stored return times `rewardScale`; rates times `rateShare`
  n-step           stored returns of n steps, d = gamma^n, s' from n rows on
  td3              two critics, delay 2, a' = clip(mu'(s') + clip(0.2 e, -0.5, 0.5), -1, 1)
  tanh             tanh in the place of relu
  layer norm       critic: activation(gain (x - mean) / sqrt(variance + 1e-5) + shift), by row
  layer norm all   the same in the actor, and twin critics
  batch norm       the same by column, over the minibatch, in the critic's step for the critic and
                   in the actor's step for the actor; running <- running + share (batch - running),
                   the variance unbiased. Every other pass, targets included, uses the running ones
                   of the online networks as they are then.
  batch norm td3   two critics with statistics of their own, delay 2
  late action      the action enters the critic's second layer: x2 = [activation(x1), a]
  later action     the action enters the critic's output layer
  batch norm late  the critic's layers that the action has entered have none (Lillicrap et al. 2016)
  gradient clip    g <- g min(1, c / |g|), over all parameters of a network; c cuts both here
  clip unused      the same with a c that no gradient reaches
  l2               the critic's loss has c/2 sum(w^2) more, over the weights of its hidden layers:
                   no biases, no output layer, no gains
  l2 clip          the same, clipped: the decay is part of what is clipped
  decoupled        AdamW: the same weights are multiplied by 1 - rate c before the step
  decoupled td3    the same for both critics, at both critic steps
  caps temporal    the actor's loss has  w mean(|mu(s) - mu(s')|)  more
  caps spatial     the actor's loss has  w mean(|mu(s) - mu(s + sigma e)|)  more
                   |x| = sqrt(sum(x^2) + 1e-8), and the gradient goes through both actions
  action penalty   the actor's loss has  w mean(z^2)  more, z the outputs before tanh
  actor noise      the actor's loss is -mean(Q_1(s, clip(mu(s) + sigma share e, -1, 1)))
  prioritised      the critic's loss is sum_i mean(w (Q_i(s, a) - y)^2)
  popart           moments (m, v) <- (m, v) + share ((mean y, mean y^2) - (m, v)), s^2 = v - m^2
                   with s never below 0.01. The last layers of critic and target become w s/s' and
                   (b s + m - m')/s'. Then the critic fits (y - m')/s'. Values in y and in the
                   actor's loss are s Q + m, in y by the old moments.
  popart td3       the same with two critics and two critic steps
  observation clip s = clip((raw - mean) scale, -5, 5)
  hard update      tau 1 at every second actor step, and this is one: the targets become copies
  no update        this is not one: the targets stay
  all together     td3 with tanh, layer norm, late action, L2, CAPS, penalty and weights

metrics: msbe = mean over rows and critics of (Q - y)^2 (no weights; in PopArt's units); actorLoss;
q = mean Q_1(s, a) before the critic's step; the norms of the losses' gradients over all parameters,
before clipping and without L2; all of the round's last minibatch. tdError: Q_1(s, a) - y, all rows.
parameterNoise: sqrt(mean((mu(s) - mu~(s))^2)) of a perturbed actor mu~ (Plappert et al. 2018).
"""

import json

import torch
from cases import BASE, CASES, SHAPE
from learning import Round
from network import Network, fractions, sizes_of


def plain(value):
    """Tensors as lists, numbers with 9 digits."""
    if isinstance(value, torch.Tensor):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return float(f"{value:.9g}") if isinstance(value, float) else value


def main():
    cases, states = [], {}
    for name, changes in CASES.items():
        case = Round(changes)
        key = json.dumps([sizes_of(case.shape), case.shape["critics"], case.losses["popArt"]])
        states.setdefault(key, (len(states), case.before))
        metrics, errors = case.run()
        cases.append(
            {
                "name": name,
                "losses": {key: one for key, one in case.losses.items() if key in changes},
                "shape": {key: one for key, one in case.shape.items() if key in changes},
                **{key: case.given[key] for key in ("steps", "rewardScale", "rateShare")},
                "noiseShare": case.given["noiseShare"],
                "inputs": case.data,
                "state": states[key][0],
                "metrics": metrics,
                "tdError": errors,
                "after": case.after(),
            }
        )
    file = {
        "torch": torch.__version__.split("+")[0],
        "losses": BASE,
        "shape": SHAPE,
        "states": [state for _, state in states.values()],
        "cases": cases,
        "parameterNoise": parameter_noise(),
    }
    print(json.dumps(plain(file), separators=(",", ":")))


def parameter_noise():
    """The distance between an actor's actions and those of a perturbed one."""
    case = Round({})
    observations = fractions(40, 20, -1, 1, 64).reshape(5, 4)
    actor = case.before["actor.online"]
    perturbed = actor + fractions(41, len(actor), -0.25, 0.25, 64)
    widths = [SHAPE["observations"], *SHAPE["actorHidden"], SHAPE["actions"]]
    there = Network(widths, -1, 0, "none", "relu", perturbed, None)
    with torch.no_grad():
        here, there = torch.tanh(case.actor(observations)), torch.tanh(there(observations))
        distance = ((here - there) ** 2).mean().sqrt()
    return {
        "observations": observations,
        "actor": actor,
        "perturbed": perturbed,
        "actions": here,
        "perturbedActions": there,
        "distance": distance,
    }


main()
