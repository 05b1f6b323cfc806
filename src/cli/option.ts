import { InvalidArgumentError } from "commander";

/** A parser of a whole number in [low, high] for an option's value. */
export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`give a whole number from ${low} to ${high}.`);
    }
    return value;
  };
}

/** A parser of a number in [low, high] for an option's value. */
export function numberWithin(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= low && value <= high)) {
      throw new InvalidArgumentError(`give a number from ${low} to ${high}.`);
    }
    return value;
  };
}
