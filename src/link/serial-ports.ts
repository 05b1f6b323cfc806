import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type PackagePort, packagePorts } from "./serial.ts";

/** A serial port of this machine. */
export interface ListedPort {
  /**
   * As the system calls it, such as `/dev/ttyACM0` or `COM3`: on Linux another one after it was
   * plugged in again.
   */
  readonly path: string;
  /** A name that stays, below `/dev/serial/by-id`; null where there is none. */
  readonly lasting: string | null;
  /** What its USB device calls itself; empty where it has no name. */
  readonly product: string;
  /** USB's numbers for maker and product, such as `1a86:55d3`; empty where it has none. */
  readonly usb: string;
}

/** USB adapters and boards, and the UARTs of single-board computers; macOS after the bar. */
const portName = /^(tty(ACM|USB|AMA|THS)\d+|cu\.(usb|wch).*)$/;
/** So far above a port stands the USB device that it belongs to. */
const levelsMax = 4;

/**
 * The serial ports of this machine, by their paths. Nothing is opened. `ofPackage` tells those of
 * Windows, which shows none as files.
 */
export async function serialPorts(
  platform: NodeJS.Platform = process.platform,
  ofPackage: () => Promise<PackagePort[]> = packagePorts,
): Promise<ListedPort[]> {
  if (platform !== "win32") return listSerialPorts();
  const ports = (await ofPackage()).map(({ path, friendlyName = "", vendorId, productId }) => {
    const usb = vendorId === undefined ? "" : `${vendorId}:${productId}`.toLowerCase();
    return { path, lasting: null, product: friendlyName, usb };
  });
  return ports.sort(byPath);
}

/** USB's numbers of the port at `path`, as in `ListedPort`; empty where it has none. */
export async function usbOf(
  path: string,
  platform: NodeJS.Platform = process.platform,
  ofPackage: () => Promise<PackagePort[]> = packagePorts,
): Promise<string> {
  if (platform !== "win32") return usbOfPort(path);
  const ports = await serialPorts(platform, ofPackage);
  // Windows opens com3, and \\.\COM3, as COM3.
  const name = path.toUpperCase().replace(/^\\\\[.?]\\/, "");
  return ports.find((port) => port.path.toUpperCase() === name)?.usb ?? "";
}

/**
 * The serial ports of Linux or macOS, below `root`, by their paths. It reads what the kernel shows
 * and asks no other program, as there may be none to ask. Nothing is opened.
 */
export function listSerialPorts(root: string = "/"): ListedPort[] {
  const folder = join(root, "dev");
  const lasting = lastingNames(join(folder, "serial/by-id"));
  return namesIn(folder)
    .filter((name) => portName.test(name))
    .map((name) => {
      const path = join(folder, name);
      const device = usbDeviceOf(join(root, "sys/class/tty", name, "device"));
      const [vendor, product] = ["idVendor", "idProduct"].map((file) => textOf(device, file));
      return {
        path,
        lasting: lasting.get(realOf(path)) ?? null,
        product: textOf(device, "product"),
        usb: vendor === "" ? "" : `${vendor}:${product}`,
      };
    })
    .sort(byPath);
}

function byPath(a: ListedPort, b: ListedPort): number {
  return a.path.localeCompare(b.path, "en", { numeric: true });
}

/** As `usbOf`, on Linux and macOS. */
export function usbOfPort(path: string, root: string = "/"): string {
  const port = realOf(path);
  return listSerialPorts(root).find((listed) => realOf(listed.path) === port)?.usb ?? "";
}

/** By the port that each of them leads to. */
function lastingNames(folder: string): Map<string, string> {
  return new Map(namesIn(folder).map((name) => [realOf(join(folder, name)), join(folder, name)]));
}

/** The USB device above `link`; null where there is none. */
function usbDeviceOf(link: string): string | null {
  let folder = realOf(link);
  for (let level = 0; level < levelsMax; level++, folder = dirname(folder)) {
    if (existsSync(join(folder, "idVendor"))) return folder;
    if (basename(folder) === "devices") return null;
  }
  return null;
}

function textOf(folder: string | null, file: string): string {
  if (folder === null) return "";
  try {
    return readFileSync(join(folder, file), "utf8")
      .replaceAll(/\p{Cc}/gu, " ")
      .trim();
  } catch {
    return "";
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
