// Messages as they travel: header bytes, then the payload, in one buffer, as readers of the product expect them.

const HEAD = "NATS/1.0";
const NOTHING = new Uint8Array();

/** `head`: header lines, each closed by CRLF, without the first line; undefined for a message without headers. `status`: what stands behind `NATS/1.0`. */
export type Wire = {
  subject: string;
  /** Where it is delivered, if that is not its subject. */
  to?: string;
  reply: string | undefined;
  head: string | undefined;
  status: string;
  data: Uint8Array;
};

export function wire(
  subject: string,
  data: Uint8Array | string | undefined,
  more: Partial<Omit<Wire, "subject" | "data">> = {},
): Wire {
  const bytes = typeof data === "string" ? Buffer.from(data) : (data ?? NOTHING);
  return { subject, reply: undefined, head: undefined, status: "", data: bytes, ...more };
}

/** Header lines of encoded headers, without the first line; undefined for none. */
export function linesOf(encoded: Uint8Array): string | undefined {
  const text = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length).toString("latin1");
  return text.slice(text.indexOf("\r\n") + 2, -2) || undefined;
}

/** The value of a header; undefined without it. */
export function headerOf(head: string | undefined, name: string): string | undefined {
  if (head === undefined) return undefined;
  const start = head.startsWith(`${name}: `) ? 0 : head.indexOf(`\r\n${name}: `) + 2;
  if (start === 1) return undefined;
  const from = start + name.length + 2;
  return head.slice(from, head.indexOf("\r\n", from));
}

/** Header and payload in one buffer; `header` bytes are the head. */
export function encoded({ head, status, data }: Wire): { bytes: Uint8Array; header: number } {
  if (head === undefined) return { bytes: data, header: -1 };
  const top = Buffer.from(`${HEAD}${status}\r\n${head}\r\n`, "latin1");
  return { bytes: Buffer.concat([top, data]), header: top.length };
}

/** Does a subject match a filter with `*` and `>`? */
export function matches(filter: string, subject: string): boolean {
  if (filter === subject || filter === ">") return true;
  let f = 0;
  let s = 0;
  for (;;) {
    const fEnd = endOf(filter, f);
    if (fEnd - f === 1 && filter[f] === ">") return s < subject.length;
    const sEnd = endOf(subject, s);
    const any = fEnd - f === 1 && filter[f] === "*";
    if (!any && (fEnd - f !== sEnd - s || !filter.startsWith(subject.slice(s, sEnd), f))) return false;
    if (fEnd === filter.length || sEnd === subject.length)
      return fEnd === filter.length && sEnd === subject.length;
    f = fEnd + 1;
    s = sEnd + 1;
  }
}

function endOf(text: string, from: number): number {
  const dot = text.indexOf(".", from);
  return dot === -1 ? text.length : dot;
}
