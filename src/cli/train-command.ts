import { presetNames, settingsOf } from "../learn/presets.ts";
import { kebab } from "../learn/run-folder.ts";
import { settingTable, type TrainSettings } from "../learn/settings.ts";

/**
 * The command line that trains with these settings: the preset that is nearest to them, and what is
 * not its own. However the run was begun, this does it again.
 */
export function commandOf(settings: TrainSettings): string {
  const all = presetNames.map((preset) => ({
    preset,
    flags: flagsOf(settings, settingsOf(preset, settings.task)),
  }));
  // The first of those that need as few words: ours, where that is one of them.
  const { preset, flags } = all.reduce((best, one) =>
    one.flags.length < best.flags.length ? one : best,
  );
  const words = ["--env", settings.task, ...(preset === "ours" ? [] : ["--preset", preset])];
  return ["npx sinew train", ...[...words, ...flags.flat()].map(quoted)].join(" ");
}

/** What is to be said beyond what `usual` has. */
function flagsOf(settings: TrainSettings, usual: TrainSettings): string[][] {
  const names = Object.keys(settingTable) as (keyof TrainSettings)[];
  return names
    .filter((name) => name !== "task")
    .filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(usual[name]))
    .map((name) => {
      const value = settings[name];
      if (value === true) return [`--${kebab(name)}`];
      return value === false ? [`--no-${kebab(name)}`] : [`--${kebab(name)}`, String(value)];
    });
}

function quoted(word: string): string {
  return /^[\w./:=,+-]+$/.test(word) ? word : `"${word}"`;
}
