// HighwayHash-64, https://github.com/google/highwayhash. nats-server uses it as the checksum of a stream's description. A test compares it with files that a
// server wrote.

const U64 = (1n << 64n) - 1n;
const LOW = 0xffffffffn;
/** First halves of the initial state: digits of pi, as the algorithm defines them. */
const INIT0 = [0xdbe6d5d5fe4cce2fn, 0xa4093822299f31d0n, 0x13198a2e03707344n, 0x243f6a8885a308d3n];
const INIT1 = [0x3bd39e10cb0ef593n, 0xc0acf169b5f18a8cn, 0xbe5466cf34e90c6cn, 0x452821e638d01377n];
const PACKET = 32;

type Lanes = [bigint, bigint, bigint, bigint];
type State = { v0: Lanes; v1: Lanes; mul0: Lanes; mul1: Lanes };

const INDEXES = [0, 1, 2, 3] as const;

/** The hash of `data` with a key of 32 bytes, in the form that nats-server writes: 16 hexadecimal digits, lowest byte first. Pure. */
export function highwayHash64(key: Uint8Array, data: Uint8Array): string {
  const state = begin(lanesOf(key));
  const whole = data.length - (data.length % PACKET);
  for (let at = 0; at < whole; at += PACKET) update(state, lanesOf(data.subarray(at, at + PACKET)));
  if (whole < data.length) updateRest(state, data.subarray(whole));
  for (let i = 0; i < 4; i++) {
    const [a, b, c, d] = state.v0;
    update(state, [swapHalves(c), swapHalves(d), swapHalves(a), swapHalves(b)]);
  }
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE((state.v0[0] + state.v1[0] + state.mul0[0] + state.mul1[0]) & U64);
  return out.toString("hex");
}

function begin(key: Lanes): State {
  const of = (make: (i: (typeof INDEXES)[number]) => bigint): Lanes => [make(0), make(1), make(2), make(3)];
  const mul0 = of((i) => INIT0[i] ?? 0n);
  const mul1 = of((i) => INIT1[i] ?? 0n);
  return { v0: of((i) => mul0[i] ^ key[i]), v1: of((i) => mul1[i] ^ swapHalves(key[i])), mul0, mul1 };
}

function lanesOf(bytes: Uint8Array): Lanes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (i: number): bigint => view.getBigUint64(8 * i, true);
  return [at(0), at(1), at(2), at(3)];
}

function swapHalves(lane: bigint): bigint {
  return (lane >> 32n) | ((lane & LOW) << 32n);
}

function update({ v0, v1, mul0, mul1 }: State, lanes: Lanes): void {
  for (const i of INDEXES) {
    v1[i] = (v1[i] + mul0[i] + lanes[i]) & U64;
    mul0[i] ^= (v1[i] & LOW) * (v0[i] >> 32n);
    v0[i] = (v0[i] + mul1[i]) & U64;
    mul1[i] ^= (v0[i] & LOW) * (v1[i] >> 32n);
  }
  zipperMerge(v1, v0);
  zipperMerge(v0, v1);
}

/** Adds the bytes of `from`, in another order, to `to`. */
function zipperMerge(from: Lanes, to: Lanes): void {
  for (const low of [0, 2] as const) {
    const high = low === 0 ? 1 : 3;
    const [a, b] = [from[low], from[high]];
    const toLow =
      (((a & 0xff000000n) | (b & 0xff00000000n)) >> 24n) |
      (((a & 0xff0000000000n) | (b & 0xff000000000000n)) >> 16n) |
      (a & 0xff0000n) |
      ((a & 0xff00n) << 32n) |
      ((b & 0xff00000000000000n) >> 8n) |
      (a << 56n);
    const toHigh =
      (((b & 0xff000000n) | (a & 0xff00000000n)) >> 24n) |
      (b & 0xff0000n) |
      ((b & 0xff0000000000n) >> 16n) |
      ((b & 0xff00n) << 24n) |
      ((a & 0xff000000000000n) >> 8n) |
      ((b & 0xffn) << 48n) |
      (a & 0xff00000000000000n);
    to[low] = (to[low] + toLow) & U64;
    to[high] = (to[high] + toHigh) & U64;
  }
}

/** Processes the last bytes, which are less than a packet. */
function updateRest(state: State, rest: Uint8Array): void {
  const size = rest.length;
  for (const i of INDEXES) {
    state.v0[i] = (state.v0[i] + (BigInt(size) << 32n) + BigInt(size)) & U64;
    state.v1[i] = rotateHalves(state.v1[i], BigInt(size));
  }
  const packet = new Uint8Array(PACKET);
  const words = size & ~3;
  const odd = size & 3;
  packet.set(rest.subarray(0, words));
  if (size & 16) packet.set(rest.subarray(size - 4), 28);
  else if (odd > 0) {
    packet[16] = rest[words] ?? 0;
    packet[17] = rest[words + (odd >> 1)] ?? 0;
    packet[18] = rest[size - 1] ?? 0;
  }
  update(state, lanesOf(packet));
}

function rotateHalves(lane: bigint, by: bigint): bigint {
  const rotate = (half: bigint): bigint => ((half << by) | (half >> (32n - by))) & LOW;
  return rotate(lane & LOW) | (rotate(lane >> 32n) << 32n);
}
