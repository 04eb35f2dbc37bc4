import { codedError } from "../shared/base/errors.ts";

/** Commander's parser of an option that takes a whole number from 1. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
      throw codedError("usage", `${flag} takes a number from 1, not ${text}`);
    return n;
  };
}
