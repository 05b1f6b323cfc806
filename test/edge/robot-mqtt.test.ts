// `link.mqtt` of a robot file, and what is said of it before anything is opened.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { checkLink, type LinkChoice } from "../../src/link/link.ts";

const file = (mqtt: string): string =>
  `robot: arm-1\nlink:\n  mqtt:\n${mqtt.replaceAll(/^/gm, "    ")}\n`;
const parse = (mqtt: string): LinkChoice => parseRobot(file(mqtt), "robot.yaml").link;

test("robot: MQTT is 5 unless the file says 4, with certificates and credentials by path", () => {
  assert.deepEqual(parse("url: mqtt://lab"), {
    mqtt: { url: "mqtt://lab", prefix: "sinew", protocolVersion: 5, robot: "arm-1" },
  });
  const tls = "tls: { ca: ca.pem, cert: arm.pem, key: arm.key }";
  const rest = `prefix: a/b\nprotocolVersion: 4\n${tls}\ncredentials: user`;
  const whole = `url: mqtts://lab:8883/\n${rest}`;
  assert.deepEqual(parse(whole), {
    mqtt: {
      ...{ url: "mqtts://lab:8883/", prefix: "a/b", protocolVersion: 4, robot: "arm-1" },
      tls: { ca: "ca.pem", cert: "arm.pem", key: "arm.key" },
      credentials: "user",
    },
  });
});

test("robot: what is wrong with MQTT is told with its line, and no password is said again", () => {
  const cases: readonly (readonly [mqtt: string, line: RegExp])[] = [
    [
      "url: mqtt://arm-1:s3cret@lab",
      /^robot\.yaml:4:10: "link\.mqtt\.url": give mqtt:.*credentials/,
    ],
    ["url: mqtt://lab/topic", /:4:10: "link\.mqtt\.url": give/],
    ["url: ws://lab", /"link\.mqtt\.url": give/],
    ["url: mqtt://lab:0", /"link\.mqtt\.url": give/],
    ["url: mqtt://lab:65536", /"link\.mqtt\.url": give/],
    ["url: mqtt://lab:x", /"link\.mqtt\.url": give/],
    ["url: mqtt://lab\nprotocolVersion: 3", /:5:\d+: "link\.mqtt\.protocolVersion": give 5, or 4/],
    ["url: mqtt://lab\ntls: { ca: ca.pem }", /:5:\d+: "link\.mqtt\.tls": certificates need/],
    ["url: mqtts://lab\ntls: { cert: c }", /:5:\d+: "link\.mqtt\.tls": .*give cert and key, or/],
    ["url: mqtts://lab\ntls: { key: k }", /:5:\d+: "link\.mqtt\.tls": .*give cert and key, or/],
    ["url: mqtts://lab\ntls: { pfx: k }", /unknown key "link\.mqtt\.tls\.pfx"/],
    ["url: mqtts://lab\nusername: arm-1", /unknown key "link\.mqtt\.username"/],
    ["url: mqtts://lab\npassword: s3cret", /unknown key "link\.mqtt\.password"/],
    ["url: mqtts://lab\nprefix: a/#", /"link\.mqtt\.prefix": give a topic/],
  ];
  for (const [mqtt, line] of cases) {
    assert.throws(
      () => parse(mqtt),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "robot-file");
        assert.match(error.message, line);
        assert.ok(!error.message.includes("s3cret"));
        return true;
      },
      mqtt,
    );
  }
});

test("robot: the files that MQTT names are looked at without a broker", () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-robot-"));
  const credentials = join(folder, "user");
  const link = parse(`url: mqtt://nobody.lab\ncredentials: ${credentials}`);
  const on = new Date("2030-01-01");
  assert.throws(() => checkLink(link, on), {
    message: /user: it cannot be read: there is no such/,
  });
  writeFileSync(credentials, "arm-1\ns3cret\n");
  chmodSync(credentials, 0o644);
  assert.throws(() => checkLink(link, on), { message: /user: everyone can read or change it/ });
  chmodSync(credentials, 0o600);
  checkLink(link, on);
  checkLink({ serial: { path: "/dev/none", baud: 9600 } }, on);
  rmSync(folder, { recursive: true });
});

test("robot: a serial port may be plain, whatever is behind it", () => {
  const servos = "servos: [{ id: 1, joint: a, zeroCounts: 0 }]";
  const sections = {
    serial: "path: p",
    feetech: `path: p, ${servos}`,
    dynamixel: `path: p, ${servos}`,
    odrive: "path: p, axes: [{ axis: 0, joint: a }]",
    moteus: "path: p, adapter: uart, motors: [{ id: 1, joint: a }]",
  };
  for (const [name, section] of Object.entries(sections)) {
    const source = `robot: a\nlink: { ${name}: { ${section}, plain: true } }\n`;
    const { link } = parseRobot(source, "robot.yaml");
    assert.equal((Object.values(link)[0] as { plain?: boolean }).plain, true, name);
    const usual = parseRobot(source.replace(", plain: true", ""), "robot.yaml");
    assert.ok(!("plain" in Object.values(usual.link)[0]), name);
    assert.throws(() => parseRobot(source.replace("true", "1"), "robot.yaml"), {
      message: new RegExp(`"link\\.${name}\\.plain": give true or false`),
    });
  }
});
