// The pages in a real browser: the live page of a run that drives an emulated board, and the
// failsafe page. Pictures of them are left in build/dash.
//   node dist/tools/test-dash.js
// Needs chromium. Ends with "N passed, N failed"; exit 1 on a failure.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { messageOf } from "../src/core/errors.ts";
import { openDash } from "../src/dash/dash.ts";
import { pageProtocol } from "../src/dash/message.ts";
import { Controls } from "../src/edge/controls.ts";
import { parseRobot } from "../src/edge/robot.ts";
import type { RunReport } from "../src/edge/run.ts";
import type { Board } from "../src/hil/board.ts";
import { startEmulated } from "../src/hil/emulated-board.ts";
import { Chromium, type Tab } from "./chromium.ts";
import { metric, Served } from "./served.ts";
import { keep, looksRight, pictures, push, textOf, until } from "./tried-page.ts";
import { testPolicies } from "./tried-policies.ts";

/** What Linux counts a thread's time in. */
const tickMs = 10;
const folder = mkdtempSync(join(tmpdir(), "sinew-test-dash-"));
let [passed, failed] = [0, 0];

async function check(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
    passed++;
    process.stdout.write(`ok     ${name}\n`);
  } catch (error) {
    failed++;
    process.stdout.write(`NOT OK ${name}: ${messageOf(error)}\n`);
  }
}

function residentBytes(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return pages * 4096;
}

async function testRun(browser: Chromium, board: Board): Promise<void> {
  const robot = join(folder, "robot.yaml");
  const lines = ["robot: bench", `link: { serial: { path: ${board.path} } }`];
  lines.push("commandTtlMs: 900", "observationAgeMs: 900");
  // So narrow that the gate has something to do.
  lines.push("limits: { pole_torque: { low: -1.5, high: 1.5, rateMax: 20 } }");
  writeFileSync(robot, `${lines.join("\n")}\nlog: { directory: ${JSON.stringify(folder)} }\n`);
  const words = ["--policy", "models/pendulum/policy.onnx", "--dash", "0", "--json"];
  const run = new Served("run", robot, ...words);
  try {
    const url = await run.url();
    await testCost(url, run.child.pid!);
    const tab = await browser.open(1280, 900, false);
    await tab.go(url);
    await testWatching(tab, url);
    await testOthers(browser, url);
    await testCommands(tab, url);
    await testStandstill(browser, tab, url, run.child.pid!);
    await testLoss(tab, board, run);
  } finally {
    await run.end();
  }
}

async function testWatching(tab: Tab, url: string): Promise<void> {
  await check(
    "the page is live, complains of nothing and loads nothing from elsewhere",
    async () => {
      await until("the page", async () => (await textOf(tab, "link")) === "live");
      assert.equal(await textOf(tab, "mode"), "disarmed");
      assert.equal(await tab.value("document.title"), "disarmed · bench");
      await looksRight(tab, url);
    },
  );
  await check("the arm button arms, the plots move, and the gate's reasons are told", async () => {
    await push(tab, "arm", "armed");
    assert.equal(await metric(url, 'sinew_device_mode{mode="armed"}'), 1);
    const canvas = "document.querySelector('#observations canvas').toDataURL()";
    const before = await tab.value<string>(canvas);
    await until("another picture", async () => (await tab.value<string>(canvas)) !== before);
    await until("a difference", async () =>
      /limited: .*range/.test(await textOf(tab, "differences")),
    );
    assert.match(await textOf(tab, "differences"), /pole_torque asked -?\d.*, sent -?\d.* N\*m/);
    await until("times", async () => /lateness\d/.test(await textOf(tab, "timing")));
    await delay(6000);
    await keep(tab, "armed-light");
  });
}

async function testOthers(browser: Chromium, url: string): Promise<void> {
  await check("dark, and on a phone", async () => {
    const dark = await browser.open(1280, 900, true);
    const phone = await browser.open(390, 844, true);
    for (const tab of [dark, phone]) {
      await tab.go(url);
      await until("the page", async () => (await textOf(tab, "link")) === "live");
      await delay(3000);
      await looksRight(tab, url);
    }
    await keep(dark, "dark");
    await keep(phone, "phone-dark");
    const ground = "getComputedStyle(document.body).backgroundColor";
    assert.equal(await dark.value(ground), "rgb(12, 15, 19)");
  });
  await check("without the token there is a 403 and nothing else", async () => {
    const tab = await browser.open(800, 600, false);
    const wrong = new URL("/wrong/", url);
    assert.equal((await fetch(wrong)).status, 403);
    await tab.go(String(wrong));
    await until("the refusal", async () =>
      /no token/.test(await tab.value("document.body.innerText")),
    );
    assert.ok(tab.complaints.some((line) => line.includes("403")));
  });
}

async function testCommands(tab: Tab, url: string): Promise<void> {
  const stopped = async (): Promise<boolean> => {
    return (await metric(url, 'sinew_device_mode{mode="stopped"}')) === 1;
  };
  await check("the stop button stops the robot, and says so", async () => {
    await tab.click("button.stop");
    await until("the device's stop", stopped);
    await until("the answer", async () => (await textOf(tab, "answer")) === "stop: stopped");
    await until("its history", async () => /by page 9: stopped/.test(await textOf(tab, "history")));
    await until("stopped", async () => (await textOf(tab, "mode")) === "stopped");
    await keep(tab, "stopped-light");
  });
  await check("after a reset it arms again; a space stops it, wherever the focus is", async () => {
    await push(tab, "reset", "disarmed");
    await push(tab, "arm", "armed");
    await tab.value("document.getElementById('window').focus()");
    await tab.press(" ", "Space", 32);
    await until("the device's stop", stopped);
    await push(tab, "reset", "disarmed");
    await tab.value("document.querySelector('button.arm').focus()");
    await tab.press(" ", "Space", 32);
    await until("stopped", async () => (await textOf(tab, "mode")) === "stopped");
    await until("the device's stop", stopped);
  });
}

/** What the threads of a process have used of the processors, ms: the main one, and the others. */
function usedMs(pid: number): { main: number; others: number } {
  const used = { main: 0, others: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const words = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")
      .split(") ")[1]!
      .split(" ");
    const ms = (Number(words[11]) + Number(words[12])) * tickMs;
    used[Number(thread) === pid ? "main" : "others"] += ms;
  }
  return used;
}

/** The same for one cycle, while 100 of them run. */
async function usedByCycle(url: string, pid: number): Promise<{ main: number; others: number }> {
  const name = "sinew_cycles_total";
  const [cycles, before] = [await metric(url, name), usedMs(pid)];
  // To ask is work for the main thread, too.
  while ((await metric(url, name)) < cycles + 100) await delay(1000);
  const [ran, after] = [(await metric(url, name)) - cycles, usedMs(pid)];
  return { main: (after.main - before.main) / ran, others: (after.others - before.others) / ran };
}

async function testCost(url: string, pid: number): Promise<void> {
  await check("pages cost the threads that drive and log nothing", async () => {
    await until("cycles", async () => (await metric(url, "sinew_cycles_total")) > 0);
    // What begins is not yet what goes on.
    await usedByCycle(url, pid);
    const none = await usedByCycle(url, pid);
    const sockets = Array.from({ length: 8 }, () => {
      return new WebSocket(`${url.replace("http", "ws")}stream`, [pageProtocol]);
    });
    for (const socket of sockets) socket.on("message", () => {});
    await delay(1000);
    const eight = await usedByCycle(url, pid);
    for (const socket of sockets) socket.terminate();
    const words = (used: { main: number; others: number }): string => {
      return `main thread ${used.main.toFixed(2)}, others ${used.others.toFixed(2)}`;
    };
    process.stdout.write(`       ms of a cycle, no page: ${words(none)}; eight: ${words(eight)}\n`);
    assert.ok(eight.others < 1.5 * none.others + 1);
  });
}

async function testStandstill(
  browser: Chromium,
  tab: Tab,
  url: string,
  pid: number,
): Promise<void> {
  await check("a browser that stands still costs the run neither cycles nor memory", async () => {
    const before = await metric(url, "sinew_cycles_total");
    const bytes = residentBytes(pid);
    browser.signal("SIGSTOP");
    try {
      await until("100 more cycles", async () => {
        return (await metric(url, "sinew_cycles_total")) > before + 100;
      });
      const more = (residentBytes(pid) - bytes) / 1e6;
      process.stdout.write(`       ${more.toFixed(1)} MB more memory meanwhile\n`);
      assert.ok(more < 64);
    } finally {
      browser.signal("SIGCONT");
    }
    await until("the page again", async () => (await textOf(tab, "link")) === "live");
  });
}

async function testLoss(tab: Tab, board: Board, run: Served): Promise<void> {
  await check("a board that is gone is a reason that the page tells, and the log", async () => {
    await push(tab, "reset", "disarmed");
    await push(tab, "arm", "armed");
    await board.close();
    await until("the end", async () =>
      (await textOf(tab, "alarm")).startsWith("The run has ended."),
    );
    // A machine that is busy may have it as a late cycle, too.
    assert.match(await textOf(tab, "alarm"), /Stopped by a fault: (.*, )?link lost/);
    assert.match(await textOf(tab, "history"), /armed → stoppedfault: linkLost/);
    await keep(tab, "ended-light");
    await until("its report", () => run.child.exitCode !== null);
    const report = JSON.parse(run.out) as RunReport;
    const sources = report.commands.map((event) => ("source" in event ? event.source : ""));
    assert.ok(sources.includes("page 9"), sources.join());
    const { total, lateness } = report.times;
    process.stdout.write(`       loop p99 ${total.p99} us, lateness p99 ${lateness.p99} us\n`);
  });
}

async function testEarly(browser: Chromium): Promise<void> {
  await check("a stop can be pressed before there is a run", async () => {
    const controls = new Controls();
    const robot = parseRobot("robot: bench\nlink: { serial: { path: /dev/null } }\n", "robot.yaml");
    const options = { port: 0, token: "early", policyPath: "policy.onnx", onTrouble: () => {} };
    const dash = await openDash({ ...options, robot, controls });
    try {
      const tab = await browser.open(800, 600, false);
      await tab.go(dash.url);
      await until("the button", () => tab.value("document.querySelector('button.stop') !== null"));
      await tab.click("button.stop");
      await until("the stop", () => controls.stoppedEarly);
      const told = "stop: stopped before anything was armed";
      await until("the answer", async () => (await textOf(tab, "answer")) === told);
      assert.deepEqual(tab.complaints, []);
    } finally {
      dash.close();
    }
  });
}

async function testFailsafe(browser: Chromium): Promise<void> {
  const served = new Served("failsafe", "--port", "0");
  try {
    const url = await served.url();
    const tab = await browser.open(1280, 1000, false);
    await tab.go(url);
    for (const [fault, alarm] of [
      ["policyNan", "Stopped by a fault: non finite action."],
      ["observationSilent", "Stopped by a fault: stale observation."],
      ["commandsLost", "The device stopped by itself: expired."],
    ] as const) {
      await check(`failsafe: ${fault}: ${alarm}`, async () => {
        await push(tab, "arm", "armed");
        await tab.click(`#${fault}`);
        await until("stopped", async () => (await textOf(tab, "mode")) === "stopped");
        await until("its cause", async () => (await textOf(tab, "alarm")) === alarm);
        await keep(tab, `failsafe-${fault}`);
        await tab.click(`#${fault}`);
        await delay(300);
        await push(tab, "reset", "disarmed");
      });
    }
    await check("failsafe: complains of nothing and loads nothing from elsewhere", async () => {
      await looksRight(tab, url);
      const phone = await browser.open(390, 844, true);
      await phone.go(url);
      await until("the page", async () => (await textOf(phone, "device")) !== "");
      await looksRight(phone, url);
      await keep(phone, "failsafe-phone");
    });
  } finally {
    await served.end();
  }
}

mkdirSync(pictures, { recursive: true });
const image = "firmware-bridge/images/rp2040-pendulum.bin";
const board = await startEmulated({ image });
const browser = new Chromium();
try {
  await testRun(browser, board);
  await testPolicies(browser, image, folder, check);
  await testEarly(browser);
  await testFailsafe(browser);
} finally {
  await browser.close();
  await board.close();
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
