import { changeWords } from "../../edge/policy-record.ts";
import type { PoliciesStatus, Watch } from "../../edge/run-status.ts";
import { apartWords, percentWord } from "../../edge/shadow-counts.ts";
import type { Hello } from "../message.ts";
import type { Facts } from "./element.ts";

/** Of a policy's name, which is a hash. */
const idLetters = 16;

/** Who drives and since when, who is asked beside it, and how that one does. */
export function showPolicies(facts: Facts, status: PoliciesStatus, hello: Hello): void {
  const { policyId, policyChange: change } = status;
  facts.set("policy", policyId.slice(0, idLetters), policyId);
  facts.set("file", status.policyPath);
  facts.set("its rate", rateWords(status, hello.periodUs));
  facts.set("drives since", momentWord(status.policySinceUs, hello));
  facts.set(
    "last change",
    change === null ? null : `${changeWords(change)}; ${momentWord(change.timeUs, hello)}`,
  );
  showSecond(facts, status, hello);
}

function showSecond(facts: Facts, status: PoliciesStatus, hello: Hello): void {
  const { second, secondAs, secondPath, secondSinceUs, shadow, watch } = status;
  const as = secondAs === "shadow" ? "in the shadow" : "standing by";
  if (second === null) facts.set("beside it", "none");
  else facts.set("beside it", `${second.slice(0, idLetters)} ${as}`, second);
  facts.set("its file", secondPath);
  facts.set("beside it since", secondSinceUs === null ? null : momentWord(secondSinceUs, hello));
  facts.set("watched", watch && watchWords(watch));
  const none = second === null ? null : "not yet: it counts while armed";
  facts.set("compared", shadow === null ? none : `${shadow.cycles} cycles`);
  facts.set("how far", shadow && apartWords(shadow));
  facts.set("gate would limit", shadow && percentWord(shadow.limited));
  facts.set("gate would refuse", shadow && percentWord(shadow.refused));
}

/** Null where each cycle asks the policy: the loop's rate is told elsewhere. */
function rateWords({ policyPeriodUs, between }: PoliciesStatus, periodUs: number): string | null {
  if (between === null) return null;
  const every = Math.round(policyPeriodUs / periodUs);
  const hz = Number((1e6 / policyPeriodUs).toPrecision(4));
  const words = between === "hold" ? "held" : "interpolated";
  return `${hz} Hz: 1 of ${every} cycles asks it, ${words} between`;
}

/** When in the run something was. */
function momentWord(timeUs: number, { startUs }: Hello): string {
  return timeUs <= startUs ? "the start" : `${((timeUs - startUs) / 1e6).toFixed(2)} s`;
}

function watchWords({ cycles, ofCycles, limited, limitedMost }: Watch): string {
  return `${cycles} of ${ofCycles} cycles; limited ${limited}, goes back above ${limitedMost}`;
}
