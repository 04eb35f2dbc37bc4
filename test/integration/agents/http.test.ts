import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import type { AgentEnd, AgentEvents, AgentTurn } from "../../../src/agents/agent.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import { httpRunner } from "../../../src/agents/http.ts";
import { eventually } from "../../support/eventually.ts";
import { serveHttp } from "../../support/http-server.ts";

type Asked = { headers: IncomingHttpHeaders; body: unknown };

/** A server of an agent that answers as `answer` does. */
async function agentServer(
  answer: (response: ServerResponse) => void,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = await serveHttp((response, { headers, body }) => {
    asked.push({ headers, body: JSON.parse(body) as unknown });
    answer(response);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { url: `${server.url}/run`, asked };
}

const TURN: AgentTurn = {
  session: { id: "s", user: "ann", workspace: "/tmp/w", metadata: { team: "x" }, options: {} },
  turn: "t1",
  thread: undefined,
  mode: undefined,
  spawn: () => Promise.reject(new Error("it runs no programs")),
  request: { user_input: "hello", max_iterations: 3 },
};

function recorder(room = () => Promise.resolve()): { events: AgentEvents; heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    events: {
      piece: (type, block, text) => void heard.push(`piece ${type} ${block} ${text}`),
      tell: (type, data) => void heard.push(`${type} ${JSON.stringify(data)}`),
      room,
      ask: () => Promise.reject(new Error("nobody asks")),
      hear: () => undefined,
    },
  };
}

const failure = (message: string): string => `error ${JSON.stringify({ code: "RUNNER_ERROR", message })}`;

async function run(
  answer: (response: ServerResponse) => void,
  options: { signal?: AbortSignal; silenceMs?: number; room?: () => Promise<void> } = {},
): Promise<{ end: AgentEnd; heard: string[]; asked: Asked[] }> {
  const { url, asked } = await agentServer(answer);
  const { events, heard } = recorder(options.room);
  const signal = options.signal ?? new AbortController().signal;
  const end = await agentOf(httpRunner(url, options.silenceMs)).run(TURN, events, signal);
  return { end, heard, asked };
}

test("a turn is one POST with a length, and each line of the answer an event", async () => {
  const { end, heard, asked } = await run((response) => {
    response.write('{"type":"text","data":{"text":"he"}}\n{"type":"text","da');
    response.write(
      'ta":{"text":"llo"}}\r\n\n{"type":"tool_call","data":{"name":"ls"}}\n{"type":"thinking","data":{"text":"a","more":1}}\n',
    );
    response.end('{"type":"query_complete","data":{}}\n{"type":"status","data":7}\n{"type":"usage"}');
  });
  expect(end).toMatchObject({ outcome: "finished" });
  expect(heard).toEqual([
    "piece text 0 he",
    "piece text 0 llo",
    'tool_call {"name":"ls"}',
    'thinking {"text":"a","more":1}',
    'status {"type":"query_complete","data":{}}',
    'status {"value":7}',
    "usage {}",
  ]);
  expect(asked[0]?.headers).toMatchObject({
    "content-length": expect.stringMatching(/^\d+$/),
    "content-type": "application/json",
  });
  expect(asked[0]?.body).toEqual({
    session: { session_id: "s", user_id: "ann", workspace_dir: "/tmp/w", metadata: { team: "x" } },
    request: { user_input: "hello", force_complex: false, metadata: {}, context: {}, max_iterations: 3 },
  });
});

test("an agent's own lines end no turn and answer no question", async () => {
  const types = ["turn_ended", "permission_resolved", "owner", "gap", "closed", "decision"];
  const { heard } = await run((response) => {
    response.end(types.map((type) => JSON.stringify({ type, data: { outcome: "finished" } })).join("\n"));
  });
  expect(heard).toEqual(
    types.map((type) => `status ${JSON.stringify({ type, data: { outcome: "finished" } })}`),
  );
});

test("lines that are not events are reported as such, and the turn continues", async () => {
  const { end, heard } = await run((response) => {
    response.end(
      `nonsense\n[1]\n"x"\n{"type":7}\n${"[".repeat(70)}${"]".repeat(70)}\n{"type":"status","data":{"ok":true}}\n`,
    );
  });
  expect(heard.slice(0, 5)).toEqual(
    Array.from(
      { length: 5 },
      () => 'error {"message":"the agent sent a line that is no event","recoverable":true}',
    ),
  );
  expect(heard[5]).toBe('status {"ok":true}');
  expect(end.outcome).toBe("finished");
});

test("an error status fails the turn", async () => {
  const { end, heard } = await run((response) => response.writeHead(503).end("busy"));
  expect(end).toEqual({ outcome: "failed" });
  expect(heard).toEqual([failure("the agent answered 503")]);
});

test("BOUND-1: a line without an end is refused", async () => {
  const { url } = await agentServer((response) => {
    const more = (): void =>
      void (response.write("x".repeat(64 * 1024)) ? setImmediate(more) : response.once("drain", more));
    more();
  });
  const { events, heard } = recorder();
  const end = await agentOf(httpRunner(url)).run(TURN, events, new AbortController().signal);
  expect(end).toEqual({ outcome: "failed" });
  expect(heard).toEqual([expect.stringMatching(/a line of more than/)]);
});

test.each<[string, (response: ServerResponse) => void]>([
  ["before it answers", () => undefined],
  ["in the middle", (response) => void response.write('{"type":"usage"}\n')],
])("an agent that falls silent %s fails the turn", async (_, answer) => {
  const { end, heard } = await run(answer, { silenceMs: 50 });
  expect(end).toEqual({ outcome: "failed" });
  expect(heard.at(-1)).toMatch(/^error .*timeout/i);
});

test("a broken connection fails the turn", async () => {
  const { end, heard } = await run((response) => void response.write("{", () => response.destroy()));
  expect(end).toEqual({ outcome: "failed" });
  expect(heard).toEqual([expect.stringMatching(/^error /)]);
});

test("a cancelled turn closes the connection", async () => {
  const cancel = new AbortController();
  const closed = Promise.withResolvers<void>();
  const running = run(
    (response) => {
      response.on("close", () => closed.resolve());
      response.write('{"type":"usage"}\n', () => cancel.abort());
    },
    { signal: cancel.signal },
  );
  await running;
  await closed.promise;
});

test("BOUND-1: what the log does not take yet is not read from the agent", async () => {
  let asked = 0;
  const rooms: (() => void)[] = [];
  const room = (): Promise<void> => new Promise((resolve) => void (asked++, rooms.push(resolve)));
  const answer = (response: ServerResponse): void =>
    void response.end('{"type":"status"}\n{"type":"status"}\n{"type":"status"}\n');
  const over = run(answer, { room });
  for (let line = 1; line <= 3; line++) {
    await eventually(() => expect(rooms).toHaveLength(1));
    expect(asked).toBe(line);
    rooms.pop()?.();
  }
  expect((await over).end).toMatchObject({ outcome: "finished" });
});

test("a redirect is no turn: the agent that was meant did not run", async () => {
  const { end, heard } = await run((response) => response.writeHead(302, { location: "/" }).end());
  expect(end).toEqual({ outcome: "failed" });
  expect(heard).toEqual([failure("the agent answered 302")]);
});
