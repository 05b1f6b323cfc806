import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { askRun, socketOf } from "../edge/ctl-client.ts";
import { ctlPlaces } from "../edge/ctl-place.ts";
import { hostPolicy } from "./host-policy.ts";
import type { Order, Scenario } from "./scenario.ts";

/** What became of an order. */
export interface Answered {
  readonly order: Order;
  readonly ok: boolean;
  /** What the run said, or why it said nothing. */
  readonly line: string;
}

/** Where orders go. */
export interface Command {
  readonly clock: Clock;
  /** The folder of the host's socket. */
  readonly ctl: string;
  /** Of `orderedPolicies`. */
  readonly policies: readonly (string | null)[];
  /** The host has not ended. */
  runs(): boolean;
}

const lookMs = 2;
const answerMs = 8000;

/**
 * Leaves the policies of the scenario's orders in `folder`, and returns the path of each; null: it
 * has none. `trained` is the policy that swings the pendulum up. A proof takes more than 100 ms of
 * the process that carries the line: to be called before anybody drives. Throws as `hostPolicy`.
 */
export async function orderedPolicies(
  { orders, drives }: Scenario,
  folder: string,
  trained: string,
): Promise<(string | null)[]> {
  mkdirSync(folder, { recursive: true });
  return Promise.all(
    orders.map(async ({ policy }, at) => {
      if (policy === null) return null;
      const path = join(folder, `order-${at}.onnx`);
      writeFileSync(path, await hostPolicy(policy, drives, trained));
      return path;
    }),
  );
}

/**
 * Gives the scenario's orders at their times after `armedUs`, each not before the one before it is
 * answered.
 */
export async function giveOrders(
  { orders, robot }: Scenario,
  { clock, ctl, policies, runs }: Command,
  armedUs: number,
): Promise<Answered[]> {
  const answers: Answered[] = [];
  for (const [at, order] of orders.entries()) {
    while (clock.now() < armedUs + order.at * 1e6 && runs()) await sleep(lookMs);
    answers.push({ order, ...(await give(order, policies[at], ctl, robot.robot)) });
  }
  return answers;
}

async function give(
  { order }: Order,
  argument: string | null,
  ctl: string,
  robot: string,
): Promise<Pick<Answered, "ok" | "line">> {
  try {
    const path = await socketOf(ctlPlaces(undefined, ctl), robot);
    const request = { command: order, ...(argument === null ? {} : { argument }) };
    const { ok, line } = await askRun(path, request, answerMs);
    return { ok, line };
  } catch (error) {
    return { ok: false, line: messageOf(error) };
  }
}
