/** What can be made to go wrong on the failsafe page; each is on or off. */
export const faults = [
  { key: "policyNan", group: "Policy", label: "answers NaN" },
  { key: "policyFar", group: "Policy", label: "asks for three times the range" },
  { key: "policyJumps", group: "Policy", label: "jumps from end to end" },
  { key: "policyThrows", group: "Policy", label: "throws" },
  { key: "policySlow", group: "Policy", label: "answers 60 ms late" },
  { key: "observationNan", group: "Observation", label: "is NaN" },
  { key: "observationSilent", group: "Observation", label: "comes no more" },
  { key: "observationFuture", group: "Observation", label: "is from the future" },
  { key: "loopLate", group: "Program", label: "skips a cycle each half second" },
  { key: "jointHeld", group: "Robot", label: "somebody holds the joint" },
  { key: "commandsLost", group: "Robot", label: "hears nothing of what is sent" },
  { key: "unplugged", group: "Robot", label: "is unplugged" },
] as const;

export type FaultKey = (typeof faults)[number]["key"];

/** Those that are on. */
export type Faults = Set<FaultKey>;
