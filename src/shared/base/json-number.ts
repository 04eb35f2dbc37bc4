// What of a number was read last:
export const MINUS = 0;
export const ZERO = 1;
export const INTEGER = 2;
const POINT = 3;
const FRACTION = 4;
const E = 5;
const SIGN = 6;
const EXPONENT = 7;
export type NumberPhase = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
/** May a number end after it? */
export const COMPLETE: readonly boolean[] = [false, true, true, false, true, false, false, true];

/** The part of a number that this byte leads to; undefined if the byte does not continue the number. Pure. */
export function afterNumber(phase: NumberPhase, byte: number): NumberPhase | undefined {
  if (isDigit(byte)) {
    switch (phase) {
      case MINUS:
        return byte === 0x30 ? ZERO : INTEGER;
      case ZERO:
        return undefined;
      case INTEGER:
        return INTEGER;
      case POINT:
      case FRACTION:
        return FRACTION;
      case E:
      case SIGN:
      case EXPONENT:
        return EXPONENT;
    }
  }
  if (byte === 0x2e) return phase === ZERO || phase === INTEGER ? POINT : undefined;
  if ((byte | 0x20) === 0x65)
    return phase === ZERO || phase === INTEGER || phase === FRACTION ? E : undefined;
  if (byte === 0x2b || byte === 0x2d) return phase === E ? SIGN : undefined;
  return undefined;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
