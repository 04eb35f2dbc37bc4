import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { agentOf } from "../../../src/agents/conduct.ts";
import { httpRunner } from "../../../src/agents/http.ts";
import type { Attributes, Tracing } from "../../../src/shared/base/tracing.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { startWorker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, workerHome } from "../session-log/harness.ts";

const ASKED = `00-${"a".repeat(32)}-${"1".repeat(16)}-01`;
const WORKERS = `00-${"a".repeat(32)}-${"2".repeat(16)}-01`;

type Made = {
  name: string;
  parent: string | undefined;
  attributes: Attributes;
  failure?: string | undefined;
};

/** Traces that are kept. */
function tracer(): { tracing: Tracing; spans: Made[] } {
  const spans: Made[] = [];
  const tracing: Tracing = {
    span({ name, parent, attributes }) {
      const span: Made = { name, parent: parent?.traceparent, attributes };
      return {
        context: { traceparent: WORKERS },
        set: (more) => void Object.assign(attributes, more),
        end(failure) {
          spans.push({ ...span, failure });
        },
      };
    },
    close: async () => undefined,
  };
  return { tracing, spans };
}

test("a turn continues the trace of its request: worker and agent are in it, with traces on and off", async () => {
  await using broker = await sessionsBroker();
  await using scope = new AsyncDisposableStack();
  const ending = new AbortController();
  scope.defer(() => ending.abort());
  const traces: unknown[] = [];
  const agent = createServer(({ headers }, answer) => {
    traces.push(headers["traceparent"]);
    answer.writeHead(traces.length === 2 ? 500 : 200).end();
  }).listen(0, "127.0.0.1");
  scope.defer(() => void agent.close());
  await once(agent, "listening");
  const url = `http://127.0.0.1:${(agent.address() as AddressInfo).port}`;
  const client = await registry(broker, ending.signal);
  const { tracing, spans } = tracer();
  const turn = async (id: string, trace?: string): Promise<void> => {
    const { session } = await createSession(client, { user: "ann", id, kind: "worker", record: {} });
    await requestTurn(client, session, "t1", Buffer.from('{"user_input":"secret"}'), { trace });
  };
  const run = async (more: { tracing?: Tracing }) =>
    startWorker(await workerHome(broker, ending.signal), {
      name: "w",
      ...anyFolder(agentOf(httpRunner(url))),
      maxBytes: 1e9,
      ...more,
    });
  const traced = await run({ tracing });
  await turn("first", ASKED);
  await eventually(() => expect(spans).toHaveLength(1));
  await turn("failing");
  await eventually(() => expect(spans).toHaveLength(2));
  await traced.stop();
  const plain = await run({});
  await turn("third", ASKED);
  await turn("fourth");
  await eventually(() => expect(traces).toHaveLength(4));
  await plain.stop();
  expect(traces.slice(0, 2)).toEqual([WORKERS, WORKERS]);
  expect(traces.slice(2)).toEqual(expect.arrayContaining([ASKED, undefined]));
  const of = (session: string): object => ({
    "runner_relay.session.id": session,
    "runner_relay.turn.id": "t1",
  });
  expect(spans).toMatchObject([
    { name: "turn", parent: ASKED, failure: undefined, attributes: of("first") },
    { name: "turn", parent: undefined, failure: "RUNNER_ERROR", attributes: of("failing") },
  ]);
  expect(JSON.stringify(spans)).not.toContain("secret");
});
