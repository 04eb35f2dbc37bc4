import { codedError } from "../shared/base/errors.ts";

/** A commander parser for options that take a whole number of 1 or more. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
      throw codedError("usage", `${flag} takes a number from 1, not ${text}`);
    return n;
  };
}
