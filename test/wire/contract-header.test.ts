import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Channel } from "../../src/core/spec.ts";
import { contractHeader } from "../../src/wire/contract-header.ts";
import {
  type DeviceContract,
  hashContract,
  noPosition,
  rampingToZero,
} from "../../src/wire/device-contract.ts";
import { StopCategory } from "../../src/wire/messages.ts";
import { randomContract } from "./random-contract.ts";

/** The contract that a compiler would read out of a header. */
function contractIn(header: string): DeviceContract {
  const number = (name: string): number =>
    Number(new RegExp(`#define ${name} (\\d+)u`).exec(header)![1]);
  const row = /^ {4}\{"([a-z0-9_]+)", ("(?:[^"\\]|\\.)+"), (\S+), (\S+), (\d)u, (\d+)u\},$/gm;
  const rows = [...header.matchAll(row)].map(([, name, unit, low, high, category, position]) => ({
    channel: {
      name,
      unit: JSON.parse(unit.replaceAll("\\?", "?")),
      low: floatIn(low),
      high: floatIn(high),
    } satisfies Channel,
    stop: {
      category: Number(category),
      position: Number(category) === StopCategory.rampAndHold ? Number(position) : noPosition,
    },
  }));
  const observations = number("SINEW_CONTRACT_OBSERVATIONS");
  assert.equal(rows.length, observations + number("SINEW_CONTRACT_ACTIONS"));
  const channels = rows.map(({ channel }) => channel);
  return {
    spec: {
      observation: channels.slice(0, observations),
      action: channels.slice(observations),
      periodUs: number("SINEW_CONTRACT_PERIOD_US"),
    },
    stops: rows.slice(observations).map(({ stop }) => stop),
  };
}

function floatIn(text: string): number {
  if (text.endsWith("__builtin_inff()")) return text.startsWith("-") ? -Infinity : Infinity;
  assert.match(text, /^-?\d+(\.\d+)?(e[+-]\d+)?f$/);
  assert.match(text, /[.e]/);
  return Math.fround(Number(text.slice(0, -1)));
}

test("contract header: says the whole contract, exactly (seeds 1 to 200)", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const contract = randomContract(new Rng(seed));
    const header = contractHeader(contract);
    const hash = hashContract(contract);
    assert.equal(hashContract(contractIn(header)), hash, `seed ${seed}`);
    assert.ok(
      header.includes(`#define SINEW_CONTRACT_HASH 0x${hash.toString(16).padStart(8, "0")}u`),
    );
  }
});

test("contract header: a port finds each value by its name", () => {
  const channel = (name: string): Channel => ({ name, unit: "rad", low: -1, high: 1 });
  const header = contractHeader(
    rampingToZero({
      observation: [channel("elbow"), channel("wrist")],
      action: [channel("wrist"), channel("elbow")],
      periodUs: 1000,
    }),
  );
  assert.match(header, /^#define SINEW_OBSERVATION_ELBOW 0u$/m);
  assert.match(header, /^#define SINEW_OBSERVATION_WRIST 1u$/m);
  assert.match(header, /^#define SINEW_ACTION_WRIST 0u$/m);
  assert.match(header, /^#define SINEW_ACTION_ELBOW 1u$/m);
});
