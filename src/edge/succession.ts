import type { Step } from "../core/step.ts";
import type { LogEvent, PolicyEvent, RollbackCause } from "../log/event.ts";
import { type Lineup, type Member, Second } from "./lineup.ts";
import { eventOfChange } from "./policy-record.ts";
import type { Shadow } from "./shadow.ts";
import { Count, Request, type Status } from "./status.ts";

/** Which policy follows which in a running loop: what is asked of it, done between two cycles. */
export class Succession {
  readonly #lineup: Lineup;
  readonly #shadow: Shadow;
  readonly #status: Status;
  readonly #events: { append(event: LogEvent): void };
  readonly #offered: () => Member | null;

  /** `offered` gives the newest policy that was handed over, once. */
  constructor(
    lineup: Lineup,
    shadow: Shadow,
    status: Status,
    events: { append(event: LogEvent): void },
    offered: () => Member | null,
  ) {
    this.#lineup = lineup;
    this.#shadow = shadow;
    this.#status = status;
    this.#events = events;
    this.#offered = offered;
    this.#show();
  }

  /** Does what `requests` ask for, before the cycle behind `step`. */
  obey(requests: number, nowUs: number, { seq }: Pick<Step, "seq">): void {
    const lineup = this.#lineup;
    // Whoever offers one takes what is in the shadow away, so this comes before a swap.
    if ((requests & Request.shadow) !== 0) {
      const member = this.#takeOffer();
      if (member !== null && lineup.shadow(member)) this.#tell("shadow", nowUs, seq);
    }
    if ((requests & Request.swap) !== 0 && lineup.swap()) this.#tell("swap", nowUs, seq);
    if ((requests & Request.back) !== 0 && lineup.back()) this.#tell("back", nowUs, seq);
    // Behind all of it: who reads this reads what came of it.
    this.#status.add(Count.policyRequests, 1);
  }

  /** Looks at a cycle that is over. */
  look(step: Step, nowUs: number): void | Promise<void> {
    if (this.#lineup.secondAs !== Second.none) return this.#lookAtBoth(step, nowUs);
  }

  #lookAtBoth(step: Step, nowUs: number): void | Promise<void> {
    const asked = this.#lineup.askShadow(step);
    if (asked !== undefined) return asked.then(() => this.#judge(step, nowUs));
    this.#judge(step, nowUs);
  }

  #judge(step: Step, nowUs: number): void {
    const lineup = this.#lineup;
    if (lineup.answered) this.#shadow.look(step, lineup.answer);
    this.#status.showShadow(this.#shadow.counts);
    const judgement = lineup.judge(step);
    this.#status.policies.showWatched(lineup.watched);
    if (judgement === null) return;
    if (judgement === "keep") {
      lineup.keep();
      this.#tell("keep", nowUs, step.seq);
    } else {
      lineup.back();
      this.#tell("rollback", nowUs, step.seq, judgement);
    }
  }

  /** What cannot be taken over is none; who offered it is told that nothing changed. */
  #takeOffer(): Member | null {
    try {
      return this.#offered();
    } catch {
      return null;
    }
  }

  #tell(what: PolicyEvent["what"], timeUs: number, seq: number, why?: RollbackCause): void {
    const { driver, second, watched } = this.#lineup;
    // What was counted was of another.
    this.#shadow.begin();
    this.#status.showShadow(this.#shadow.counts);
    // What was watched last is told until a swap begins a new watch.
    if (what === "swap") this.#status.policies.showWatched(watched);
    this.#show();
    const change = {
      ...{ timeUs, what, ...(why !== undefined && { why }), fromSeq: seq + 1 },
      ...{ drives: driver.index, beside: second?.index ?? -1 },
    };
    this.#status.policies.add(change);
    this.#events.append(eventOfChange(change, knownOf(driver), second && knownOf(second)));
  }

  #show(): void {
    const { driver, second, secondAs, canGoBack } = this.#lineup;
    this.#status.setLineup(driver.index, second?.index ?? -1, secondAs, canGoBack);
  }
}

function knownOf({ policy, signedBy }: Member): { id: string; signedBy?: string } {
  return { id: policy.id, ...(signedBy !== undefined && { signedBy }) };
}
