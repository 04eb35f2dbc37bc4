/** A part that others are handed before it is made, because they need one another in a circle. */
export type Later<T> = {
  /** Throws while it is not made. */
  get(): T;
  set(made: T): void;
};

/** `name` is for the error. */
export function later<T>(name: string): Later<T> {
  let made: { part: T } | undefined;
  return {
    get() {
      if (made === undefined) throw new Error(`${name} was used before it was made`);
      return made.part;
    },
    set: (part) => void (made = { part }),
  };
}
