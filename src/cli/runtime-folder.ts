import { tmpdir } from "node:os";
import { type CtlPlace, ctlPlaces } from "../edge/ctl-place.ts";

/** Where this user's runs are found: see `ctlPlaces`. */
export function runPlaces(): CtlPlace[] {
  return ctlPlaces(process.env["XDG_RUNTIME_DIR"], tmpdir());
}
