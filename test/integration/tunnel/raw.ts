import { connect, type Socket } from "node:net";

/** An answer as it was on the wire. */
export type RawAnswer = {
  status: number;
  reason: string;
  /** Names and values in order. */
  headers: [string, string][];
  body: Buffer;
  trailers: [string, string][];
  /** False if the connection ended before the answer was whole. */
  whole: boolean;
};

/** Sends bytes as they are and reads one answer, at most until the connection ends. */
export async function sendRaw(
  url: string,
  request: string | Buffer | (string | Buffer)[],
  options: { method?: string; keepSending?: (socket: Socket) => void } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  try {
    return await new Promise<RawAnswer>((resolve, reject) => {
      const look = (ended: boolean): void => {
        const answer = parseAnswer(Buffer.concat(chunks), options.method ?? "GET", ended);
        if (answer !== undefined) resolve(answer);
        else if (ended)
          reject(new Error(`no answer: ${Buffer.concat(chunks).toString("latin1").slice(0, 200)}`));
      };
      socket.on("data", (chunk) => {
        chunks.push(chunk);
        look(false);
      });
      socket.on("end", () => look(true));
      socket.on("close", () => look(true));
      socket.on("error", (error) => (chunks.length > 0 ? look(true) : reject(error)));
      for (const part of [request].flat())
        socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
      options.keepSending?.(socket);
    });
  } finally {
    socket.destroy();
  }
}

/** Undefined while more must come. */
function parseAnswer(bytes: Buffer, method: string, ended: boolean): RawAnswer | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const [, code = "0", reason = ""] = /^HTTP\/1\.[01] (\d+) ?(.*)$/.exec(first) ?? [];
  const status = Number(code);
  const rest = bytes.subarray(headEnd + 4);
  if (status < 200 && status !== 101) return parseAnswer(rest, method, ended);
  const headers = lines.map(pairOf);
  const head = { status, reason, headers, trailers: [] as [string, string][] };
  const value = (name: string): string | undefined =>
    headers.find(([key]) => key.toLowerCase() === name)?.[1];
  if (method === "HEAD" || status === 204 || status === 304 || status === 101)
    return { ...head, body: Buffer.alloc(0), whole: true };
  if (value("transfer-encoding") === "chunked") {
    const parts: Buffer[] = [];
    for (let at = 0; ;) {
      const line = rest.indexOf("\r\n", at);
      const size = line < 0 ? -1 : Number.parseInt(rest.subarray(at, line).toString("latin1"), 16);
      const cut = { ...head, body: Buffer.concat(parts), whole: false };
      if (line < 0) return ended ? cut : undefined;
      if (size > 0) {
        if (rest.length < line + 2 + size + 2) return ended ? cut : undefined;
        parts.push(rest.subarray(line + 2, line + 2 + size));
        at = line + 2 + size + 2;
        continue;
      }
      const tail = rest.subarray(line + 2);
      if (tail.subarray(0, 2).toString() === "\r\n") return { ...cut, whole: true };
      const tailEnd = tail.indexOf("\r\n\r\n");
      if (tailEnd < 0) return ended ? cut : undefined;
      return {
        ...cut,
        trailers: tail.subarray(0, tailEnd).toString("latin1").split("\r\n").map(pairOf),
        whole: true,
      };
    }
  }
  const length = value("content-length");
  if (length === undefined) return ended ? { ...head, body: rest, whole: true } : undefined;
  if (rest.length >= Number(length)) return { ...head, body: rest.subarray(0, Number(length)), whole: true };
  return ended ? { ...head, body: rest, whole: false } : undefined;
}

function pairOf(line: string): [string, string] {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).trim()];
}
