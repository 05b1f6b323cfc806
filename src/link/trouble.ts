const nobody = -1;

/**
 * The newest reason why motors did not arm, did not leave a stop, or stopped, for a person. It is
 * kept as what costs nothing to note between two cycles, and put together when somebody asks.
 */
export class Trouble {
  /** Whose it is; -1 where it is that of none. */
  at: number = nobody;
  /** What the servo reported; 0 where that is not the reason. */
  code = 0;
  #what = "";
  readonly #names: readonly string[];

  /** What each motor is called. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Whole words, or after the name of number `at`. Always false, for who must say so. */
  note(what: string, at: number = nobody, code: number = 0): false {
    this.#what = what;
    this.at = at;
    this.code = code;
    return false;
  }

  forget(): void {
    this.note("");
  }

  /** Empty where there is none. */
  get words(): string {
    return this.at === nobody ? this.#what : `${this.#names[this.at]} ${this.#what}`;
  }
}
