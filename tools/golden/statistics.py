"""Writes test/golden/statistics.json: what numpy, scipy and rliable say of fixed scores.

pip install rliable "pandas<3" (rliable 1.2.0, numpy 2.4.6, scipy 1.17.1 wrote the file), then:
python -P tools/golden/statistics.py > test/golden/statistics.json

"exact" intervals are those of the whole bootstrap distribution, every resample counted once; the
"rliable" ones are drawn (50,000 resamples), so they carry the error of drawing.
"""

import itertools
import json

import numpy as np
import scipy.stats
from rliable import library, metrics

lists = {
    "one": [3.25],
    "three": [1.0, -2.0, 6.5],
    "five": [-143.9, -145.7, -151.2, -140.0, -1203.4],
    "ten": [float(x) for x in np.round(np.random.default_rng(7).normal(-150, 20, 10), 3)],
    "thousand": [float(x) for x in np.round(np.random.default_rng(8).gamma(2, 30, 1000), 3)],
}

generator = np.random.default_rng(9)
tall = np.round(generator.normal([[0.2, 1.4, -3.0]], [[0.5, 0.1, 2.0]], (10, 3)), 3)
rival = np.round(generator.normal([[0.1, 1.5, -2.0]], [[0.5, 0.1, 2.0]], (8, 3)), 3)
small = [[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]
single = [[-140.0, -150.0, -145.0, -160.0, -143.5]]


def iqm(values):
    return float(scipy.stats.trim_mean(np.asarray(values, float), 0.25, axis=None))


def of(values):
    values = np.asarray(values)
    return {
        "values": values.tolist(),
        "mean": float(values.mean()),
        "interquartileMean": iqm(values),
        "median": float(np.median(values)),
        "standardError": 0.0 if len(values) == 1 else float(scipy.stats.sem(values)),
    }


def exact(tasks, statistic):
    draws = [list(itertools.product(task, repeat=len(task))) for task in tasks]
    found = [statistic(np.concatenate(each)) for each in itertools.product(*draws)]
    low, high = np.quantile(found, [0.025, 0.975])
    return {"low": float(low), "high": float(high), "deviation": float(np.std(found))}


def drawn(scores):
    _, bounds = library.get_interval_estimates(
        {"a": scores},
        lambda x: np.array([metrics.aggregate_mean(x), metrics.aggregate_iqm(x)]),
        reps=50_000,
        random_state=np.random.RandomState(1),
    )
    (low_mean, low_iqm), (high_mean, high_iqm) = bounds["a"]
    return {"mean": [low_mean, high_mean], "interquartileMean": [low_iqm, high_iqm]}


def improvement():
    pairs = {"a,b": (tall, rival)}
    point, bounds = library.get_interval_estimates(
        pairs, metrics.probability_of_improvement, reps=2_000,
        random_state=np.random.RandomState(2),
    )
    low, high = bounds["a,b"]
    return {"value": float(point["a,b"]), "low": float(low[0]), "high": float(high[0])}


print(json.dumps(
    {
        "lists": {name: of(values) for name, values in lists.items()},
        "exact": [
            {"scores": small, "of": "mean", **exact(small, np.mean)},
            {"scores": small, "of": "interquartileMean", **exact(small, iqm)},
            {"scores": single, "of": "mean", **exact(single, np.mean)},
            {"scores": single, "of": "interquartileMean", **exact(single, iqm)},
        ],
        "drawn": {"scores": tall.T.tolist(), **drawn(tall)},
        "improvement": {"scores": tall.T.tolist(), "others": rival.T.tolist(), **improvement()},
    },
    indent=1,
    default=float,
))
