// A cart on a rail that is to stand at 0: a world of one's own in one file.
export const spec = {
  observation: [
    { name: "position", unit: "m", low: -3, high: 3 },
    { name: "speed", unit: "m/s", low: -20, high: 20 },
  ],
  action: [{ name: "force", unit: "N", low: -5, high: 5 }],
  periodUs: 50_000,
};

export const episodeStepsMax = 100;

export function makeWorld() {
  const parameters = { mass: 1 };
  let mass = parameters.mass;
  let x = 0;
  let v = 0;
  return {
    parameters,
    reset(rng, observation) {
      mass = parameters.mass;
      x = rng.uniform(-1, 1);
      v = 0;
      observation.set([x, v]);
    },
    step(action, observation) {
      v += (action[0] / mass) * 0.05;
      x += v * 0.05;
      const terminated = Math.abs(x) > 2.5;
      observation.set([x, v]);
      return { reward: -x * x - 0.01 * action[0] ** 2, terminated };
    },
    save: () => Float64Array.of(x, v, mass),
    restore([position, speed, weight]) {
      x = position;
      v = speed;
      mass = weight;
    },
  };
}
