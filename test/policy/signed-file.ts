// What tests of signatures share: keys that are no secret.
import { newSecretKey, type SecretKey, secretKeyChanceBytes } from "../../src/policy/secret-key.ts";

/** A key whose id is `01...` for 1, and so on. */
export function secretKey(number: number): SecretKey {
  return newSecretKey(new Uint8Array(secretKeyChanceBytes).fill(number));
}
