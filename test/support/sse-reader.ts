import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";

/** One event of an SSE stream, or a comment or waiting time. `data` is JSON. */
export type SseBlock =
  | { kind: "event"; id: string | undefined; data: Record<string, unknown> }
  | { kind: "comment" }
  | { kind: "retry"; ms: number };

export type SseReader = {
  response: IncomingMessage;
  /** What came since the last call; waits if that is nothing. Undefined after the stream's end. */
  next(): Promise<SseBlock[] | undefined>;
  /** Reads until `last` is true of an event, and returns the events. Throws if the stream ends before. */
  until(last: (data: Record<string, unknown>) => boolean): Promise<Extract<SseBlock, { kind: "event" }>[]>;
  close(): void;
};

/** Opens a stream. Throws with status and body if it is refused. */
export async function openSse(url: string, headers: Record<string, string> = {}): Promise<SseReader> {
  const request = get(url, { agent: false, headers: { accept: "text/event-stream", ...headers } });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  request.on("error", () => undefined); // the response tells
  if (response.statusCode !== 200) {
    let body = "";
    for await (const chunk of response) body += String(chunk);
    throw new Error(`${response.statusCode} ${body}`);
  }
  response.setEncoding("utf8");
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<string>;
  const parse = createParser();

  async function next(): Promise<SseBlock[] | undefined> {
    for (;;) {
      const { value, done } = await chunks.next().catch(() => ({ value: undefined, done: true }));
      if (done === true || value === undefined) return undefined;
      const blocks = parse(value);
      if (blocks.length > 0) return blocks;
    }
  }

  return {
    response,
    next,
    async until(last) {
      const events: Extract<SseBlock, { kind: "event" }>[] = [];
      for (;;) {
        const blocks = await next();
        if (blocks === undefined) throw new Error(`the stream ended after ${JSON.stringify(events.at(-1))}`);
        for (const block of blocks) if (block.kind === "event") events.push(block);
        if (events.some(({ data }) => last(data))) return events;
      }
    },
    close: () => response.destroy(),
  };
}

function createParser(): (chunk: string) => SseBlock[] {
  let text = "";
  return (chunk) => {
    text += chunk;
    const blocks: SseBlock[] = [];
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      blocks.push(blockOf(text.slice(0, end)));
      text = text.slice(end + 2);
    }
    return blocks;
  };
}

function blockOf(block: string): SseBlock {
  const data: string[] = [];
  let id: string | undefined;
  for (const line of block.split("\n")) {
    if (line.startsWith("data: ")) data.push(line.slice("data: ".length));
    if (line.startsWith("id: ")) id = line.slice("id: ".length);
    if (line.startsWith("retry: ")) return { kind: "retry", ms: Number(line.slice("retry: ".length)) };
  }
  if (data.length === 0) return { kind: "comment" };
  return { kind: "event", id, data: JSON.parse(data.join("\n")) as Record<string, unknown> };
}
