import { DeviceMode } from "../wire/messages.ts";
import { escapedXml } from "./junit.ts";
import type { Trial } from "./trial.ts";

const width = 420;
const height = 96;
const left = 34;
/** Points of a curve that a picture of this width can show. */
const pointsMax = 400;

const style = `
:root{color-scheme:light dark;--paper:#fff;--page:#f4f6f8;--ink:#1b1f24;--soft:#57606a;
--edge:#dfe3e8;--good:#1a7f37;--bad:#cf222e;--line:#2f6bd8;--armed:#dff3e4;
--ramp:#f7b7bd;--stop:#fde6cc}
@media(prefers-color-scheme:dark){:root{--paper:#14181d;--page:#0c0f13;--ink:#e6edf3;
--soft:#9aa4af;--edge:#2a3138;--good:#3fb950;--bad:#ff7b72;--line:#6ea1ff;--armed:#12301b;
--ramp:#6b1d26;--stop:#3b2a12}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px 64px}
section{background:var(--paper);border:1px solid var(--edge);border-radius:10px;padding:16px 20px;
margin:0 0 16px;overflow-x:auto}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:0}p{margin:2px 0 8px;color:var(--soft)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:4px 10px;border-bottom:1px solid var(--edge);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.ok{color:var(--good)}.bad{color:var(--bad);font-weight:600}
figure{display:inline-block;margin:4px 12px 4px 0}figcaption{font-size:13px;color:var(--soft)}
svg{display:block}text{font-size:11px;fill:var(--soft)}
`;

/**
 * The trials as one page that needs nothing from outside: a table of scenario and target with the
 * times to a safe stop, and of each trial what each actuator was told.
 */
export function hilPage(trials: readonly Trial[], title: string): string {
  const targets = [...new Set(trials.map(({ target }) => target))];
  const names = [...new Set(trials.map(({ scenario }) => scenario.name))];
  const failed = trials.filter(({ verdict }) => !verdict.ok).length;
  const find = (name: string, target: string): Trial | undefined =>
    trials.find((trial) => trial.scenario.name === name && trial.target === target);
  const head = ["scenario", ...targets].map((word) => `<th>${word}</th>`).join("");
  const rows = names.map((name) => {
    const cells = targets.map((target) => cellOf(find(name, target))).join("");
    const title = escapedXml(name);
    return `<tr><td><a href="#${title}">${title}</a></td>${cells}</tr>`;
  });
  const sections = names.map((name) => {
    const own = trials.filter(({ scenario }) => scenario.name === name);
    const about = escapedXml(own[0].scenario.about);
    const figures = own.map(figureOf).join("");
    const title = escapedXml(name);
    return `<section id="${title}"><h2>${title}</h2><p>${about}</p>${figures}</section>`;
  });
  const outcome =
    failed === 0
      ? `<span class="ok">${trials.length} passed</span>`
      : `<span class="bad">${failed} of ${trials.length} failed</span>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapedXml(title)}</title>
<meta name="viewport" content="width=device-width"><style>${style}</style></head><body><main>
<section><h1>Hardware in the loop: ${outcome}</h1>
<p>${escapedXml(title)}. Milliseconds from the last expiry, or from the fault where the host stopped
the device, to a stop that stayed; a dash where nothing was to stop. Below: what each actuator was
told while armed (green), stopping (red) and stopped (orange); the red line is the fault.</p>
<table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></section>
${sections.join("\n")}
</main></body></html>
`;
}

function cellOf(trial: Trial | undefined): string {
  if (trial === undefined) return "<td></td>";
  const { ok, timeToSafeMs, faults } = trial.verdict;
  if (!ok) return `<td class="bad" title="${escapedXml(faults.join("; "))}">failed</td>`;
  return `<td class="ok">${timeToSafeMs === null ? "&ndash;" : timeToSafeMs.toFixed(1)}</td>`;
}

/** What the actuators were told over time, on ground that shows the device's mode. */
function figureOf({ target, verdict, record, actions, armedUs, faultUs }: Trial): string {
  const { seen } = record;
  const said = verdict.ok ? verdict.reason : verdict.faults.join("; ");
  const caption = `${target}: ${escapedXml(said)}`;
  if (seen.length === 0) return `<figure><figcaption>${caption}</figcaption></figure>`;
  const zeroUs = Number.isNaN(armedUs) ? seen[0].hostUs : armedUs;
  const firstUs = Math.max(seen[0].hostUs, zeroUs - 200_000);
  const spanUs = Math.max(1, seen.at(-1)!.hostUs - firstUs);
  const shown = seen.filter(({ hostUs }) => hostUs >= firstUs);
  const sizes = shown.flatMap(({ applied }) => applied.filter(Number.isFinite).map(Math.abs));
  const most = sizes.reduce((top, size) => Math.max(top, size), 1e-9);
  const x = (us: number): string => (left + ((us - firstUs) / spanUs) * (width - left)).toFixed(1);
  const y = (value: number): string => (height / 2 - (value / most) * (height / 2 - 6)).toFixed(1);
  const every = Math.max(1, Math.floor(shown.length / pointsMax));
  const drawn = shown.filter((_, i) => i % every === 0);
  const curves = seen[0].applied.map((_, action) => {
    const points = drawn
      .filter(({ applied }) => Number.isFinite(applied[action]))
      .map(({ hostUs, applied }) => `${x(hostUs)},${y(applied[action])}`);
    return `<polyline points="${points.join(" ")}" fill="none" stroke="var(--line)"/>`;
  });
  const fault = Number.isNaN(faultUs)
    ? ""
    : `<line x1="${x(faultUs)}" x2="${x(faultUs)}" y1="0" y2="${height}" stroke="var(--bad)"/>`;
  const end = most.toPrecision(2);
  const units = escapedXml([...new Set(actions.map(({ unit }) => unit))].join(", "));
  const lastS = ((firstUs + spanUs - zeroUs) / 1e6).toFixed(1);
  return `<figure><svg width="${width}" height="${height + 14}" role="img">
${groundOf(shown, x)}${fault}
${curves.join("\n")}
<text x="0" y="12">${end} ${units}</text><text x="0" y="${height}">-${end}</text>
<text x="${x(zeroUs)}" y="${height + 12}">armed</text>
<text x="${width}" y="${height + 12}" text-anchor="end">${lastS} s</text>
</svg><figcaption>${caption}</figcaption></figure>`;
}

function groundOf(
  seen: readonly Trial["record"]["seen"][number][],
  x: (us: number) => string,
): string {
  const colours: Record<number, string> = {
    [DeviceMode.armed]: "var(--armed)",
    [DeviceMode.stopping]: "var(--ramp)",
    [DeviceMode.stopped]: "var(--stop)",
  };
  let ground = "";
  for (let from = 0; from < seen.length; ) {
    let to = from;
    while (to + 1 < seen.length && seen[to + 1].mode === seen[from].mode) to++;
    const fill = colours[seen[from].mode];
    const [start, end] = [Number(x(seen[from].hostUs)), Number(x(seen[to].hostUs))];
    if (fill !== undefined) {
      const size = `x="${start}" width="${Math.max(1, end - start)}" height="${height}"`;
      ground += `<rect ${size} fill="${fill}"/>`;
    }
    from = to + 1;
  }
  return ground;
}
