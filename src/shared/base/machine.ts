/** What follows an event: the next state, and the effects to carry out, in this order. */
export type Next<State, Effect> = readonly [state: State, effects: readonly Effect[]];

/** A state machine under way. */
export type Machine<State, Event, Effect> = {
  state: () => State;
  /** Takes an event in. Its effects are carried out at once, in the new state. */
  send: (event: Event) => void;
  /** Names what carries out effects. It is given later than the rules, because it often consists of parts that send events themselves. */
  onEffect: (carryOut: (effect: Effect) => void) => void;
};

/**
 * Keeps a state, and changes it by a pure function only. So every decision can be tested by a table, and everything that touches the outside is in one place:
 * what carries out effects. An effect may send an event; that one is taken before the effects that follow.
 */
export function createMachine<State, Event, Effect>(
  initial: State,
  next: (state: State, event: Event) => Next<State, Effect>,
): Machine<State, Event, Effect> {
  let state = initial;
  let carryOut: (effect: Effect) => void = () => {};
  return {
    state: () => state,
    send(event) {
      const [then, effects] = next(state, event);
      state = then;
      for (const effect of effects) carryOut(effect);
    },
    onEffect: (given) => void (carryOut = given),
  };
}
