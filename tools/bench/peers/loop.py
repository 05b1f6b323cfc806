"""The loop as a robot's program in Python has it, by onnxruntime and pyserial:

    python loop.py <period, us> <seconds> <path of a pty> <policy>

An absolute schedule slept on; each cycle reads the newest bytes, infers and writes. Prints its
turns, as loop-ours.ts says.
"""

import json
import sys
import time

import numpy as np
import onnxruntime
import serial

OBSERVATIONS, COMMAND_BYTES = 12, 46

period, seconds, path, policy = float(sys.argv[1]) / 1e6, float(sys.argv[2]), *sys.argv[3:5]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(policy, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
port = serial.Serial(path, 1_000_000, timeout=0)
observation = np.zeros((1, OBSERVATIONS), np.float32)
command = bytearray([1] * (COMMAND_BYTES - 1) + [0])

lateness, skipped, late = [], 0, 0
due = time.perf_counter() + period
end = due + seconds
while due < end:
    while (left := due - time.perf_counter()) > 0:
        time.sleep(left)
    behind = int((time.perf_counter() - due) / period)
    skipped += behind
    due += behind * period
    lateness.append(time.perf_counter() - due)
    frame = port.read(4096)
    if len(frame) >= 4 * OBSERVATIONS:
        numbers = np.frombuffer(frame, np.float32, OBSERVATIONS)
        observation[0] = np.clip(np.nan_to_num(numbers), -1, 1)
    action = session.run(None, {name: observation})[0]
    command[4:8] = action[0, :1].tobytes()
    port.write(command)
    due += period
    late += time.perf_counter() > due

due_count = len(lateness) + skipped
p50, p99, p999 = (float(1e6 * np.quantile(lateness, share)) for share in (0.5, 0.99, 0.999))
missed, late = 100 * skipped / due_count, 100 * late / due_count
print(json.dumps({"missed": missed, "late": late, "p50Us": p50, "p99Us": p99, "p999Us": p999}))
