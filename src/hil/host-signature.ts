import { readFileSync } from "node:fs";
import { newSecretKey, secretKeyChanceBytes } from "../policy/secret-key.ts";
import { signatureOf } from "../policy/signature.ts";
import type { Scenario } from "./scenario.ts";

/** Whom a scenario's host trusts, and what lies beside the policy that it is given. */
export interface HostSignature {
  /** For `trust` of its robot file. */
  readonly publicKey: string;
  /** Null: nothing lies there. */
  readonly text: string | null;
}

/** The signature for a host whose policy is `policy`; null where its robot file asks for none. */
export function hostSignature(
  kind: Scenario["signature"],
  policy: Uint8Array,
  trained: string,
): HostSignature | null {
  if (kind === null) return null;
  // No secret: each rig has the same.
  const key = newSecretKey(new Uint8Array(secretKeyChanceBytes).fill(1));
  const publicKey = key.public.line;
  if (kind === "none") return { publicKey, text: null };
  const content = kind === "good" ? policy : readFileSync(trained);
  return { publicKey, text: signatureOf(content, "for the rig", key) };
}
