/** The connections to the coordinator that the lanes of one log may use. */
export type Connections = {
  /** The most that may be in use now. Those beyond it end by themselves. */
  most(): number;
  /** How many are in use now, and whether a lane waits that could use another. */
  used(inUse: number, wanting: boolean): void;
};

/** Every log may use at least this many: a quarter of them, one connection, serves sessions in trouble, and three serve the others (share.ts, ISOLATE-1). */
export const LEAST = 4;

/** All of them, for a relay that serves one log. */
export function ownConnections(total: number): Connections {
  return { most: () => total, used: () => undefined };
}

type Use = { inUse: number; wanting: boolean };

/**
 * Divides connections among the logs of a process: a log that is alone in wanting more may use all that are free; those that want more at the same time get the
 * same number of what the others leave. So there are never more in use than `total`, but for the first {@link LEAST} of each log. The returned function makes the
 * part of a log, which says `used(0, false)` at its end.
 */
export function shareConnections(total: number): () => Connections {
  const sum = { inUse: 0, wanting: 0, inUseOfWanting: 0 };
  const count = ({ inUse, wanting }: Use, sign: 1 | -1): void => {
    sum.inUse += sign * inUse;
    if (!wanting) return;
    sum.wanting += sign;
    sum.inUseOfWanting += sign * inUse;
  };
  return () => {
    let own: Use = { inUse: 0, wanting: false };
    return {
      most() {
        const rivals = sum.wanting - Number(own.wanting);
        const ofRivals = sum.inUseOfWanting - (own.wanting ? own.inUse : 0);
        const ofOthers = sum.inUse - own.inUse;
        const fair = Math.floor((total - (ofOthers - ofRivals)) / (rivals + 1));
        return Math.min(total, Math.max(LEAST, Math.min(total - ofOthers, fair)));
      },
      used(inUse, wanting) {
        count(own, -1);
        own = { inUse, wanting };
        count(own, 1);
      },
    };
  };
}
