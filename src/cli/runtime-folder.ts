import { tmpdir } from "node:os";
import { type CtlPlace, ctlPlaces } from "../edge/ctl-place.ts";
import type { ServiceTold } from "./service.ts";

/** Where this user's runs are found: see `ctlPlaces`. */
export function runPlaces(): CtlPlace[] {
  return ctlPlaces(process.env["XDG_RUNTIME_DIR"], tmpdir());
}

/** What systemd tells a program that it runs as a unit. */
export function serviceTold(): ServiceTold {
  const { NOTIFY_SOCKET, WATCHDOG_USEC } = process.env;
  return { NOTIFY_SOCKET, WATCHDOG_USEC };
}
