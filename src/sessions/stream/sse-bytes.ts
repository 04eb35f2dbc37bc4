const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const END = Buffer.from("\n\n");
const DATA = "data: ";
const NEXT_LINE = Buffer.from(`\n${DATA}`);

/** A comment: shows proxies and clients that the stream is alive. */
export const HEARTBEAT: Buffer = Buffer.from(":\n\n");

/** How long a client waits before it comes back, as a line of the stream. */
export function retryLine(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/** One event of a stream. Line ends in the data become line ends of the format, and its reader puts a line feed for each. Pure. */
export function sseBytes(data: Buffer, id?: string): Buffer {
  const head = Buffer.from(id === undefined ? DATA : `id: ${id}\n${DATA}`);
  const parts: Buffer[] = [head];
  let from = 0;
  for (let end = lineEnd(data, from); end < data.length; end = lineEnd(data, from)) {
    parts.push(data.subarray(from, end), NEXT_LINE);
    from = end + (data[end] === CARRIAGE_RETURN && data[end + 1] === LINE_FEED ? 2 : 1);
  }
  parts.push(data.subarray(from), END);
  return Buffer.concat(parts);
}

function lineEnd(data: Buffer, from: number): number {
  const [feed, carriage] = [data.indexOf(LINE_FEED, from), data.indexOf(CARRIAGE_RETURN, from)];
  return Math.min(feed < 0 ? data.length : feed, carriage < 0 ? data.length : carriage);
}
