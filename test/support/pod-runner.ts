import { timingSafeEqual } from "node:crypto";
import type { ServerResponse } from "node:http";
import { serveHttp, type Got, type HttpServer } from "./http-server.ts";

/** The runner of a pod. Everything but its health demands its token. */
export type PodRunner = HttpServer & {
  /** Ends the stream that is open. */
  endStream(): void;
};

/** Starts one. `prefix`: the path below which it is. `answers`: what it answers to a path in place of what was asked. */
export async function startPodRunner(
  token: string,
  prefix: string,
  answers: Record<string, (response: ServerResponse) => void> = {},
): Promise<PodRunner> {
  let stream: ServerResponse | undefined;
  const server = await serveHttp((response, got) => {
    const path = got.target.startsWith(prefix) ? got.target.slice(prefix.length) : "";
    if (path === "health") return response.end("ok");
    if (!isRight(got, token)) {
      response.writeHead(401, { "content-type": "application/json" });
      return response.end('{"detail":"Unauthorized"}');
    }
    const answer = answers[path];
    if (answer !== undefined) return answer(response);
    if (path === "tasks/live/output") {
      stream = response;
      response.writeHead(200, { "content-type": "text/event-stream" });
      return response.write("data: 1\n\n");
    }
    response.writeHead(200, { "content-type": "application/json", "set-cookie": "a=b" });
    return response.end(JSON.stringify({ path, method: got.method, body: got.body }));
  });
  return Object.assign(server, { endStream: () => void stream?.end() });
}

function isRight({ headers }: Got, token: string): boolean {
  const given = Buffer.from(String(headers["x-ambient-session-token"] ?? ""));
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
