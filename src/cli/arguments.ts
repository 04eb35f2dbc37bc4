import { codedError } from "../shared/errors.ts";

/** Commander's parser of an option that takes a whole number from 1. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
      throw codedError("usage", `${flag} takes a number from 1, not ${text}`);
    return n;
  };
}

/** Commander's parser of an option that takes one of some words. */
export function oneWordOf<T extends string>(flag: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw codedError("usage", `${flag} takes ${words.join(", ")}, not ${text}`);
    return found;
  };
}
