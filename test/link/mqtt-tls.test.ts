// MQTT over TLS, with certificates that are made here: who is let in, and what the others are told.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import {
  type AddressInfo,
  createServer as createPlainServer,
  type Server,
  type Socket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createServer } from "node:tls";
import { Aedes } from "aedes";
import { SinewError } from "../../src/core/errors.ts";
import { checkBrokerFiles } from "../../src/link/broker-files.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import { type Issued, issue, type Wanted } from "./certificate.ts";
import { closeAfter, earAt, refuses, until } from "./mqtt-stage.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-tls-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
}

const lab = issue({ name: "lab CA", ca: true });
const stranger = issue({ name: "another CA", ca: true });
const at = (more: Partial<Wanted>): Issued =>
  issue({ name: "broker", by: lab, hosts: ["127.0.0.1"], ...more });
const robot = issue({ name: "arm-1", by: lab });
const files = {
  ca: fileOf("ca.pem", lab.cert),
  cert: fileOf("arm-1.pem", robot.cert),
  key: fileOf("arm-1.key", robot.key),
};

/** A broker that shows `shown` and, where `asks`, lets in whom the lab has signed. */
async function startTls(
  shown: Issued,
  asks: boolean,
): Promise<{ url: string; heardBytes(): number }> {
  const aedes = await Aedes.createBroker({
    authenticate: (_client, username, password, done) => {
      const good = username === undefined || `${username} ${password}` === "arm-1 s3cret";
      if (good) done(null, true);
      else done(Object.assign(new Error("no"), { returnCode: 4 }), false);
    },
  });
  const { cert, key } = shown;
  const options = { cert, key, ca: lab.cert, requestCert: asks, rejectUnauthorized: asks };
  let heard = 0;
  const server = createServer(options, (socket) => {
    socket.on("data", (bytes) => {
      heard += bytes.length;
    });
    aedes.handle(socket);
  });
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  const url = `mqtts://127.0.0.1:${await listen(server)}`;
  closeAfter(async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url, heardBytes: () => heard };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function placeAt(url: string, tls: MqttPlace["tls"], more: Partial<MqttPlace> = {}): MqttPlace {
  return { url, prefix: "s", robot: "a", protocolVersion: 4, tls, ...more };
}

async function refusedBy(shown: Issued, tls: MqttPlace["tls"], line: RegExp): Promise<void> {
  const broker = await startTls(shown, tls?.cert !== undefined || /wants/.test(line.source));
  const credentials = fileOf("told-to-nobody", "arm-1\ns3cret\n");
  await refuses(earAt(placeAt(broker.url, tls, { credentials }), "host"), line);
  assert.equal(broker.heardBytes(), 0, "nobody was told the password");
}

test("mqtt tls: who shows what the broker asks for is let in, and frames pass", async () => {
  const broker = await startTls(at({}), true);
  const credentials = fileOf("user", "arm-1\r\ns3cret\r\n");
  const place = placeAt(broker.url, files, { credentials });
  checkBrokerFiles(place, new Date("2030-01-01"));
  const host = await earAt(place, "host");
  const far = await earAt(place, "robot");
  assert.ok(host.pipe.send(Uint8Array.of(1, 2, 0)));
  await until(() => far.bytes.length === 1);
  assert.deepEqual(far.bytes, [Uint8Array.of(1, 2, 0)]);
});

test("mqtt tls: a broker that is not who it must be is not spoken to", async () => {
  const ca = { ca: files.ca };
  const from = /its certificate is not from .*ca\.pem: give its CA as tls\.ca/;
  await refusedBy(at({ to: 2021 }), ca, /certificate, or its CA's, has expired: renew it/);
  await refusedBy(at({ from: 2048 }), ca, /not valid yet: is this machine's clock right/);
  await refusedBy(at({ by: stranger }), ca, from);
  await refusedBy(at({ hosts: ["broker.lab", "10.0.0.1"] }), ca, /is not for 127\.0\.0\.1: give a/);
  await refusedBy(issue({ name: "itself", hosts: ["127.0.0.1"] }), ca, from);
  // Without a CA of ours there are those that Node.js trusts, and no way round them.
  await refusedBy(at({}), {}, /its certificate is not from a CA that Node\.js trusts/);
});

test("mqtt tls: a broker says no, and a person is told why", async () => {
  const { ca } = files;
  const other = issue({ name: "arm-1", by: stranger });
  const shown = { ca, cert: fileOf("s.pem", other.cert), key: fileOf("s.key", other.key) };
  await refusedBy(at({}), { ca }, /it wants a client certificate: give tls\.cert and tls\.key/);
  // Node's own TLS hangs up without a word; what others say is for the tests with Mosquitto.
  await refusedBy(at({}), shown, /it closed the connection: does it know who signed .*s\.pem\?/);
  const broker = await startTls(at({}), true);
  const credentials = fileOf("wrong", "arm-1\nnot-this\n");
  const place = placeAt(broker.url, files, { credentials });
  await refuses(earAt(place, "host"), /it refuses the user of .*wrong: wrong name or password$/);
});

test("mqtt tls: what is no TLS, or TLS unasked, is told", async () => {
  const plain = createPlainServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const port = await listen(plain);
  const place = placeAt(`mqtts://127.0.0.1:${port}`, { ca: files.ca });
  await refuses(earAt(place, "host"), /there is no TLS at this port: is it for mqtt:\/\/\?/);
  plain.close();
  const broker = await startTls(at({}), false);
  const bare = placeAt(broker.url.replace("mqtts", "mqtt"), undefined);
  await refuses(earAt(bare, "host"), /it closed the connection: is its port for mqtts:\/\/\?/);
});

test("mqtt tls: files are looked at before anything is opened", () => {
  const on = new Date("2030-01-01");
  const refused = (tls: MqttPlace["tls"], line: RegExp, more: Partial<MqttPlace> = {}): void => {
    const place = placeAt("mqtts://broker.lab", tls, more);
    assert.throws(
      () => checkBrokerFiles(place, on),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "broker");
        assert.match(error.message, line);
        assert.ok(!/s3cret|BEGIN|\n/.test(error.message), error.message);
        return true;
      },
    );
  };
  const { ca, cert, key } = files;
  checkBrokerFiles(placeAt("mqtts://broker.lab", files), on);
  const other = issue({ name: "arm-1", by: lab });
  refused(
    { cert, key: fileOf("b.key", other.key) },
    /^key .*b\.key: it does not belong to .*arm-1/,
  );
  refused({ ca: join(folder, "none") }, /^ca .*none: it cannot be read: there is no such file$/);
  refused({ ca: key }, /^ca .*arm-1\.key: there is no PEM certificate in it$/);
  refused({ cert, key: cert }, /^key .*arm-1\.pem: there is no PEM private key in it$/);
  const broken = lab.cert.replace("MII", "MIX");
  refused({ ca: fileOf("broken.pem", broken) }, /^ca .*broken\.pem: it is no certificate: /);
  refused({ cert }, /a client certificate needs its key: give both or neither/);
  const old = issue({ name: "arm-1", by: lab, to: 2021 });
  const oldFiles = { cert: fileOf("o.pem", old.cert), key: fileOf("o.key", old.key) };
  refused(oldFiles, /^cert .*o\.pem: it expired on Jan {2}1 00:00:00 2021 GMT: renew it$/);
  const early = issue({ name: "CA", ca: true, from: 2048 });
  refused({ ca: fileOf("e.pem", early.cert) }, /^ca .*e\.pem: it is valid from Jan.* 2048 GMT on:/);
  const oldCa = issue({ name: "CA", ca: true, to: 2021 });
  refused({ ca: fileOf("oc.pem", oldCa.cert) }, /^ca .*oc\.pem: it expired/);
  checkBrokerFiles(placeAt("mqtts://x", { ca: fileOf("two.pem", oldCa.cert + lab.cert) }), on);
  const locked = other.privateKey.export({
    ...{ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  } as never) as string;
  refused({ cert, key: fileOf("l.key", locked) }, /^key .*l\.key: it needs a passphrase/);
  refused({ ca }, /certificates need mqtts:\/\/, and the broker is mqtt:/, { url: "mqtt://lab" });
});

test("mqtt tls: secrets are for few eyes", () => {
  const on = new Date("2030-01-01");
  const credentials = fileOf("open", "arm-1\ns3cret\n");
  const { cert } = files;
  const place = placeAt("mqtts://broker.lab", undefined, { credentials });
  const says = (tls: MqttPlace["tls"], line: RegExp): void =>
    assert.throws(() => checkBrokerFiles({ ...place, tls }, on), { message: line });
  checkBrokerFiles(place, on);
  chmodSync(credentials, 0o640);
  checkBrokerFiles(place, on);
  for (const mode of [0o644, 0o602]) {
    chmodSync(credentials, mode);
    says(undefined, /^credentials .*open: everyone can read or change it: chmod o= .*open$/);
  }
  const key = fileOf("open.key", robot.key);
  chmodSync(key, 0o644);
  says({ cert, key }, /^key .*open\.key: everyone can read or change it: chmod o=/);
  for (const text of ["", "arm-1", "arm-1\n\n", "\ns3cret\n", "arm-1\ns3cret\nmore\n"]) {
    const path = fileOf("lines", text);
    assert.throws(() => checkBrokerFiles({ ...place, credentials: path }, on), {
      message: /^credentials .*lines: it must be two lines: the user's name, then the password$/,
    });
  }
});
