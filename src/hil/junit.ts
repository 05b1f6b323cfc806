import type { Trial } from "./trial.ts";

/**
 * The trials as JUnit XML, as CI servers read it: a suite for each target, a case for each
 * scenario.
 */
export function junitOf(trials: readonly Trial[]): string {
  const targets = [...new Set(trials.map(({ target }) => target))];
  const suites = targets.map((target) => {
    const own = trials.filter((trial) => trial.target === target);
    const failures = own.filter(({ verdict }) => !verdict.ok).length;
    const cases = own.map(({ scenario, verdict, record }) => {
      const name = escapedXml(scenario.name);
      const time = secondsOf(record).toFixed(3);
      const head = `    <testcase classname="${target}" name="${name}" time="${time}"`;
      if (verdict.ok) return `${head}/>`;
      const why = escapedXml(verdict.faults.join("; "));
      return `${head}>\n      <failure message="${why}"/>\n    </testcase>`;
    });
    const head = `  <testsuite name="${target}" tests="${own.length}" failures="${failures}">`;
    return `${head}\n${cases.join("\n")}\n  </testsuite>`;
  });
  const lines = ["<testsuites>", ...suites, "</testsuites>", ""];
  return `<?xml version="1.0" encoding="UTF-8"?>\n${lines.join("\n")}`;
}

/** For so long the device was heard. */
function secondsOf({ seen }: Trial["record"]): number {
  return seen.length === 0 ? 0 : (seen.at(-1)!.hostUs - seen[0].hostUs) / 1e6;
}

const signs: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text for an element or an attribute; control characters, which XML cannot carry, become `?`. */
export function escapedXml(text: string): string {
  const carried = [...text].map((sign) => (sign < " " && !"\t\n\r".includes(sign) ? "?" : sign));
  return carried.join("").replaceAll(/[&<>"]/g, (sign) => signs[sign]);
}
