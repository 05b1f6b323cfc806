"""Policies of the legged robots' trainers, which say a part of what their numbers mean.

What all of them do, as their documents say: the network sees terms one behind the other, each
clipped, then scaled; joint positions relative to a default pose; its own last output as it came.
A joint is sent output * scale + default. One step of a deployment is `step` below.
"""

import json

import numpy as np
import torch
import yaml
from folder import observations, seeded
from torch import nn

EXACT_SCALE = np.array([0.43857731, 0.54754645])
EXACT_POSE = np.array([-0.31245, 0.66894])


class Normalised(nn.Module):
    """A running normaliser before an MLP, as rsl_rl exports them in one module."""

    def __init__(self, inputs, outputs, hidden=12):
        super().__init__()
        self.mean, self.std = nn.Parameter(torch.zeros(inputs)), nn.Parameter(torch.ones(inputs))
        sizes = [nn.Linear(inputs, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU()]
        self.actor = nn.Sequential(*sizes, nn.Linear(hidden, outputs))

    def forward(self, obs):
        return self.actor((obs - self.mean) / (self.std.abs() + 1e-2))


class Motion(nn.Module):
    """The same, with a reference motion beside it."""

    def __init__(self, policy, frames):
        super().__init__()
        self.policy = policy
        self.register_buffer("positions", torch.linspace(-1, 1, frames * 2).reshape(frames, 2))
        self.register_buffer("bodies", torch.linspace(0, 1, frames * 3).reshape(frames, 3))

    def forward(self, obs, time_step):
        frame = torch.clamp(time_step.long().squeeze(-1), max=len(self.positions) - 1)
        return self.policy(obs), self.positions[frame], self.bodies[frame]


def policy(seed, inputs, outputs, hidden=12):
    module = seeded(seed, Normalised(inputs, outputs, hidden))
    # A quarter of the reach, so that no action of the tests meets a limit.
    module.actor[-1].weight.mul_(0.25)
    return module


def exact(module):
    inputs, outputs = module.actor[0].in_features, module.actor[-1].out_features
    copy = Normalised(inputs, outputs, module.actor[0].out_features).eval()
    copy.load_state_dict(module.state_dict())
    return copy.double()


def deployed(module, terms, given, scale, offset, limits):
    """Steps of a run; `terms(observation, last)` is what the network sees."""
    network, last, steps = exact(module), np.zeros(len(scale)), []
    for observation in given:
        with torch.no_grad():
            last = network(torch.tensor(terms(observation, last))[None]).numpy()[0]
        action = last * scale + offset
        # Beyond them a deployment of ours feeds back what was asked for within the limits.
        assert np.all(np.abs(action) < limits), action
        steps.append((observation, action))
    return steps


def csv(values):
    return ",".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values)


MJLAB_SPEC = """task: Mjlab-Velocity-Flat
algorithm: ppo
rateHz: 50
action:
  - { low: -4, high: 4 }
  - { low: -4, high: 4 }
"""


def mjlab(folder):
    """Terms: rate 3, gravity 3, positions 2, velocities 2, last action 2, command 3."""
    module = policy(40, 15, 2)
    names = {"input_names": ["obs"], "output_names": ["actions"], "opset_version": 18}
    folder.export(module, (torch.zeros(1, 15),), **names)
    names = ["base_ang_vel", "projected_gravity", "joint_pos", "joint_vel", "actions", "command"]
    clip, scales = [-100.0, 100.0], [0.25, 1.0, 1.0, 0.05, 1.0, 1.0]
    folder.metadata(
        {
            "run_path": "someone/project/abc123",
            "joint_names": csv(["hip_joint", "knee_joint"]),
            "joint_stiffness": csv([40.179, 99.098]),
            "joint_damping": csv([0.0004, 6.309]),
            "default_joint_pos": csv(EXACT_POSE.tolist()),
            "command_names": csv(["twist"]),
            "observation_names": csv(names),
            "observation_terms_scale": csv(scales),
            "observation_terms_flatten_history_dim": csv([1.0] * 6),
            "observation_terms_history_length": csv([0.0] * 6),
            "observation_terms_clip": csv([clip, [-np.inf, np.inf], *[clip] * 4]),
            "action_scale": csv(EXACT_SCALE.tolist()),
        }
    )
    folder.text("spec.yaml", MJLAB_SPEC)
    lines = "".join(f"  - {{ low: -4, high: 4, scale: {one} }}\n" for one in EXACT_SCALE)
    head = MJLAB_SPEC[: MJLAB_SPEC.index("action:")]
    folder.text("exact.yaml", f"{head}pose: {EXACT_POSE.tolist()}\naction:\n{lines}")
    low = [-3, -3, -3, -1, -1, -1, -1.5, -1.5, -9, -9, -1, -1, -1]
    given = observations(41, low, [-one for one in low])
    weights = np.repeat(scales, [3, 3, 2, 2, 2, 3])

    def run(scale, pose):
        def terms(o, last):
            return np.concatenate([o[:6], o[6:8] - pose, o[8:10], last, o[10:13]]) * weights

        return deployed(module, terms, given, scale, pose, 4)

    rounded = [np.array([float(f"{one:.3f}") for one in row]) for row in (EXACT_SCALE, EXACT_POSE)]
    folder.golden(run(*rounded), exact=run(EXACT_SCALE, EXACT_POSE))


BEYOND_SPEC = """task: Tracking-Flat
algorithm: ppo
rateHz: 50
observation:
  - { name: reference_hip, unit: rad, setpoint: true }
  - { name: reference_knee, unit: rad, setpoint: true }
  - { name: reference_hip_rate, unit: rad/s, setpoint: true }
  - { name: reference_knee_rate, unit: rad/s, setpoint: true }
  - { name: anchor_x, unit: m }
  - { name: anchor_y, unit: m }
  - { name: anchor_z, unit: m }
"""


def beyondmimic(folder):
    """Reference 4, anchor 3 + 6, velocity 3, rate 3, positions 2, velocities 2, last action 2."""
    module = policy(42, 25, 2)
    outputs = ["actions", "joint_pos", "body_pos_w"]
    names = {"input_names": ["obs", "time_step"], "output_names": outputs, "opset_version": 11}
    folder.export(Motion(module, 4), (torch.zeros(1, 25), torch.zeros(1, 1)), **names)
    terms = ["command", "motion_anchor_pos_b", "motion_anchor_ori_b", "base_lin_vel"]
    folder.metadata(
        {
            "run_path": "someone/tracking/def456",
            "joint_names": csv(["hip_joint", "knee_joint"]),
            "joint_stiffness": csv([40.179, 99.098]),
            "joint_damping": csv([2.558, 6.309]),
            "default_joint_pos": csv([-0.25, 0.5]),
            "command_names": csv(["motion"]),
            "observation_names": csv([*terms, "base_ang_vel", "joint_pos", "joint_vel", "actions"]),
            "action_scale": csv([0.25, 0.5]),
            "anchor_body_name": "torso_link",
            "body_names": csv(["pelvis", "torso_link"]),
        }
    )
    rows = "".join(f'  - {{ name: anchor_r{at}, unit: "1" }}\n' for at in range(6))
    rest = "  - {}\n" * 12 + "action:\n" + "  - { low: -4, high: 4 }\n" * 2
    folder.text("spec.yaml", BEYOND_SPEC + rows + rest)
    # As a device gives them: what is no setpoint, then the setpoints.
    low = [-1] * 9 + [-2] * 6 + [-1.5, -1.5, -9, -9] + [-1.5, -1.5, -9, -9]
    given = observations(43, low, [-one for one in low])
    pose = np.array([-0.25, 0.5])

    def terms_of(o, last):
        return np.concatenate([o[19:23], o[:15], o[15:17] - pose, o[17:19], last])

    folder.golden(deployed(module, terms_of, given, np.array([0.25, 0.5]), pose, 4))


class Everything:
    """What Python's writer tags as an object of its own."""


def represent(dumper, _):
    tag = "tag:yaml.org,2002:python/object/apply:builtins.slice"
    return dumper.represent_sequence(tag, [None, None, None])


yaml.Dumper.add_representer(Everything, represent)


def unitree(folder):
    """Terms: rate 3, gravity 3, command 3, positions 3, velocities 3, last action 3."""
    module = policy(44, 18, 3, 16)
    folder.export(module, (torch.zeros(1, 18),), dynamo=True, input_names=["obs"])
    scale, pose = np.array([0.548, 0.351, 0.25]), np.array([-0.1, 0.302, 0.0])

    def term(count, one, clip=None, params=None):
        scales = [one] * count
        return {"params": params or {}, "clip": clip, "scale": scales, "history_length": 1}

    ranges = {"lin_vel_x": [-0.5, 1.0], "lin_vel_y": [-0.3, 0.3], "ang_vel_z": [0.0, 0.0]}
    action = {"clip": [[-3.0, 3.0]] * 3, "joint_names": [".*"], "scale": scale.tolist()}
    cfg = {"asset_cfg": {"name": "robot", "joint_ids": Everything()}}
    content = {
        "joint_ids_map": [0, 2, 1],
        "step_dt": 0.02,
        "stiffness": [40.0, 40.2, 99.1],
        "damping": [1.0, 2.56, 6.31],
        "default_joint_pos": pose.tolist(),
        "commands": {"base_velocity": {"ranges": {**ranges, "heading": None}}},
        "actions": {
            "JointPositionAction": {**action, "offset": pose.tolist(), "joint_ids": None},
        },
        "observations": {
            "base_ang_vel": term(3, 0.2, [-2.0, 2.0]),
            "projected_gravity": term(3, 1.0),
            "velocity_commands": term(3, 1.0, None, {"command_name": "base_velocity"}),
            "joint_pos_rel": term(3, 1.0, None, cfg),
            "joint_vel_rel": term(3, 0.05),
            "last_action": term(3, 1.0),
        },
    }
    text = yaml.dump(content, Dumper=yaml.Dumper, default_flow_style=None, sort_keys=False)
    folder.text("deploy.yaml", text)
    joints = "joints: [FL_hip_joint, FL_calf, waist]"
    folder.text("spec.yaml", f"task: Unitree-Velocity\nalgorithm: ppo\n{joints}\n")
    low = [-3, -3, -3, -1, -1, -1, -1.5, -1.5, -1.5, -9, -9, -9, -0.5, -0.3, -1]
    given = observations(45, low, [-one for one in low])

    def terms(o, last):
        rate = np.clip(o[:3], -2, 2) * 0.2
        return np.concatenate([rate, o[3:6], o[12:15], o[6:9] - pose, o[9:12] * 0.05, last])

    folder.golden(deployed(module, terms, given, scale, pose, 3))


MICRODUCK = {
    "schema_version": 2,
    "model_api": 1,
    "obs_len": 61,
    "action_len": 14,
    "robot": {"model": "microduck", "hw_rev": 1, "servos": "xl330", "control_hz": 50},
    "name": "slow-nod",
    "kind": "episodic",
    "duration_s": 4.0,
    "action_scale": 0.25,
    "entry_pose": "standing",
    "command": {"encoding": "constant", "idle": [0, 0, 0]},
    "training": {"task_id": "Slow-Nod-Flat", "commit": "0000000", "dirty": False},
}


def microduck(folder):
    """Rate 3, gravity 3, positions, velocities and last action of 14 joints, command 13."""
    module = policy(46, 61, 14, 8)
    names = {"input_names": ["obs"], "output_names": ["actions"], "opset_version": 18}
    folder.export(module, (torch.zeros(1, 61),), **names)
    folder.text("manifest.json", json.dumps(MICRODUCK, indent=2) + "\n")
    pose = np.round(np.linspace(-0.7, 0.6, 14), 2)
    joints = [f"joint_{at}" for at in range(14)]
    limits = "  - { low: -4, high: 4 }\n" * 14
    lines = ["algorithm: ppo", f"joints: [{', '.join(joints)}]", f"pose: {pose.tolist()}"]
    folder.text("spec.yaml", "\n".join([*lines, f"action:\n{limits}"]))
    low = [-3] * 3 + [-1] * 3 + [-1.5] * 14 + [-2] * 14 + [-1] * 10
    given = observations(47, low, [-one for one in low])

    def terms(o, last):
        joint, zeros = [o[6:20] - pose, o[20:34], last], np.zeros(2)
        command = [o[34:37], o[37:41], zeros, o[41:44], zeros[:1]]
        return np.concatenate([o[:6], *joint, *command])

    folder.golden(deployed(module, terms, given, np.full(14, 0.25), pose, 4))


CASES = {"mjlab": mjlab, "beyondmimic": beyondmimic, "unitree": unitree, "microduck": microduck}
