import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

type Params = Readonly<Record<string, unknown>>;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
}

/** A Chromium without a window, driven over the DevTools protocol through two pipes. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #tabs = new Map<string, Tab>();
  #lastId = 0;
  #rest = "";

  constructor(program: string = "chromium") {
    this.#folder = mkdtempSync(join(tmpdir(), "sinew-chromium-"));
    const words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"];
    words.push("--disable-background-networking", "--no-first-run", "--disable-component-update");
    words.push(`--user-data-dir=${this.#folder}`, "--hide-scrollbars", "about:blank");
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"] as const;
    // A group of its own, so that a signal reaches all of its processes.
    this.#child = spawn(program, words, { stdio: [...stdio], detached: true });
    const out = this.#child.stdio[4] as Readable;
    out.setEncoding("utf8").on("data", (text: string) => this.#take(text));
  }

  /** Opens a tab of that size, in CSS pixels. */
  async open(width: number, height: number, dark: boolean): Promise<Tab> {
    const { targetId } = await this.ask("Target.createTarget", {
      url: "about:blank",
      // What is behind another tab is not drawn.
      newWindow: true,
    });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.ask("Target.attachToTarget", attach);
    const tab = new Tab(this, sessionId as string);
    this.#tabs.set(sessionId as string, tab);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await tab.ask(`${domain}.enable`);
    const size = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await tab.ask("Emulation.setDeviceMetricsOverride", size);
    const value = dark ? "dark" : "light";
    const features = [{ name: "prefers-color-scheme", value }];
    await tab.ask("Emulation.setEmulatedMedia", { features });
    return tab;
  }

  async ask(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#lastId;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    const message = { id, method, params, ...(sessionId !== undefined && { sessionId }) };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result!;
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    process.kill(-this.#child.pid!, name);
  }

  async close(): Promise<void> {
    const gone = once(this.#child, "exit");
    await this.ask("Browser.close");
    await gone;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split("\0");
    this.#rest = parts.pop()!;
    for (const part of parts) {
      const message = JSON.parse(part) as Answer;
      if (message.id !== undefined) {
        this.#waiting.get(message.id)?.(message);
        this.#waiting.delete(message.id);
      } else if (message.sessionId !== undefined) {
        this.#tabs.get(message.sessionId)?.note(message.method!, message.params!);
      }
    }
  }
}

/** One tab, with what it complained of and what it asked for. */
export class Tab {
  /** Errors and warnings on its console, exceptions, and requests that failed. */
  readonly complaints: string[] = [];
  /** The addresses of all that it loaded or opened. */
  readonly requests: string[] = [];
  readonly #browser: Chromium;
  readonly #session: string;

  constructor(browser: Chromium, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  ask(method: string, params: Params = {}): Promise<Params> {
    return this.#browser.ask(method, params, this.#session);
  }

  async go(url: string): Promise<void> {
    await this.ask("Page.navigate", { url });
  }

  /** The value of an expression on the page; a promise is awaited. */
  async value<Value>(expression: string): Promise<Value> {
    const params = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.ask("Runtime.evaluate", params);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: Value }).value;
  }

  /** The middle of the element, pressed as a hand would. */
  async click(selector: string): Promise<void> {
    const box = `(() => { const at = document.querySelector(${JSON.stringify(selector)})
      .getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })()`;
    const [x, y] = await this.value<[number, number]>(box);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.ask("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
    }
  }

  async press(key: string, code: string, keyCode: number): Promise<void> {
    for (const type of ["keyDown", "keyUp"]) {
      const params = { type, key, code, text: type === "keyDown" ? key : undefined };
      await this.ask("Input.dispatchKeyEvent", { ...params, windowsVirtualKeyCode: keyCode });
    }
  }

  /** What it looks like, as a PNG file's bytes. */
  async picture(): Promise<Buffer> {
    const { data } = await this.ask("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data as string, "base64");
  }

  note(method: string, params: Params): void {
    if (method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(params));
    if (method === "Log.entryAdded") this.complaints.push(JSON.stringify(params["entry"]));
    if (method === "Runtime.consoleAPICalled") this.complaints.push(JSON.stringify(params["args"]));
    if (method === "Network.loadingFailed") this.complaints.push(JSON.stringify(params));
    if (method === "Network.requestWillBeSent") {
      this.requests.push((params["request"] as { url: string }).url);
    }
    if (method === "Network.webSocketCreated") this.requests.push(params["url"] as string);
  }
}
