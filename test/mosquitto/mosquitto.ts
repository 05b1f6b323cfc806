import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MqttPlace, TlsFiles } from "../../src/link/mqtt-place.ts";
import { type Issued, issue } from "../link/certificate.ts";

/**
 * Debian's Mosquitto on loopback, with three ports: for anyone, for a user's name and password, and
 * over TLS for who shows a certificate of the lab's CA. It keeps what it can for sessions that are
 * away, so that whoever wants none must say so.
 */
export class Mosquitto {
  readonly folder: string = mkdtempSync(join(tmpdir(), "sinew-mosquitto-"));
  readonly lab: Issued = issue({ name: "lab CA", ca: true });
  readonly #ports: readonly number[];
  #process: ChildProcess | null = null;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    const shown = issue({ name: "broker", by: this.lab, hosts: ["localhost"] });
    const [plain, named, secure] = ports;
    const passwords = join(this.folder, "passwords");
    execFileSync("mosquitto_passwd", ["-b", "-c", passwords, "arm-1", "s3cret"]);
    this.file("broker.conf", [
      "user root",
      "per_listener_settings true",
      "persistence false",
      "set_tcp_nodelay true",
      "queue_qos0_messages true",
      `listener ${plain} 127.0.0.1`,
      "allow_anonymous true",
      `listener ${named} 127.0.0.1`,
      `password_file ${passwords}`,
      `listener ${secure} 127.0.0.1`,
      "allow_anonymous true",
      `cafile ${this.file("ca.pem", [this.lab.cert])}`,
      `certfile ${this.file("broker.pem", [shown.cert])}`,
      `keyfile ${this.file("broker.key", [shown.key])}`,
      "require_certificate true",
    ]);
  }

  static async start(): Promise<Mosquitto> {
    const servers = [0, 1, 2].map(() => createServer().listen(0, "127.0.0.1"));
    await Promise.all(servers.map((server) => once(server, "listening")));
    const ports = servers.map((server) => (server.address() as AddressInfo).port);
    for (const server of servers) server.close();
    const mosquitto = new Mosquitto(ports);
    await mosquitto.start();
    return mosquitto;
  }

  /** Where anyone is let in. */
  place(protocolVersion: 5 | 4): MqttPlace {
    const url = `mqtt://127.0.0.1:${this.#ports[0]}`;
    return { url, prefix: "sinew", robot: "bench", protocolVersion };
  }

  /** Where a name and a password are asked for. */
  namedPlace(protocolVersion: 5 | 4, credentials: string | undefined): MqttPlace {
    const url = `mqtt://127.0.0.1:${this.#ports[1]}`;
    return { ...this.place(protocolVersion), url, credentials };
  }

  /** Over TLS, as somebody with these files. */
  securePlace(protocolVersion: 5 | 4, tls: TlsFiles): MqttPlace {
    const url = `mqtts://localhost:${this.#ports[2]}`;
    return { ...this.place(protocolVersion), url, tls };
  }

  /** The CA's certificate, and one of `issued` with its key, as files. */
  tlsOf(issued: Issued): TlsFiles {
    return {
      ca: join(this.folder, "ca.pem"),
      cert: this.file(`${issued.name}.pem`, [issued.cert]),
      key: this.file(`${issued.name}.key`, [issued.key]),
    };
  }

  file(name: string, lines: readonly string[]): string {
    const path = join(this.folder, name);
    writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
    return path;
  }

  async start(): Promise<void> {
    const words = ["-c", join(this.folder, "broker.conf")];
    const child = spawn("mosquitto", words, { stdio: "ignore" });
    this.#process = child;
    child.once("error", (error) => {
      throw error;
    });
    for (let turn = 0; turn < 500; turn++) {
      assert.equal(child.exitCode, null, "mosquitto ended");
      if (await answers(this.#ports[2])) return;
      await delay(10);
    }
    assert.fail("mosquitto did not start within 5 s");
  }

  /** As where the power fails. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
