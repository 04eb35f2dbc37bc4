import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "undici";
import { brokerVariables } from "../../../src/cli/up/environment.ts";
import { sha256 } from "../../../src/sessions/access/keys.ts";
import { sessionsBroker } from "../../integration/session-log/harness.ts";
import { ms, quantile, type Report } from "../report.ts";
import { startService } from "../service.ts";

const FOREIGN = "of-another-user";
const MISSING = "never-was-there";
/** How far the medians may be apart: less than a request's own scatter. */
const MOST_APART = 1.1;
/** Before it is measured. */
const WARM = 200;

/** What a user asks of a session. */
type Wish = { what: string; method: "GET" | "POST"; path: string; body?: string };
const WISHES: readonly Wish[] = [
  { what: "GET session", method: "GET", path: "" },
  { what: "GET events", method: "GET", path: "/events" },
  { what: "POST turn", method: "POST", path: "/turns", body: JSON.stringify({ user_input: "hello" }) },
];

/** USER-1: a request for another user's session takes as long as one for a session that is not there, so that its time says nothing. */
export async function foreign(plan: { requests: number }, report: Report): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "rr-foreign-"));
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const keys = { ann: randomBytes(16).toString("hex"), bob: randomBytes(16).toString("hex") };
  const lines = Object.entries(keys).map(([user, key]) =>
    JSON.stringify({ sha256: sha256(key), user, scopes: ["read", "write", "user"] }),
  );
  await writeFile(join(dir, "keys"), lines.join("\n"));
  const broker = scope.use(await sessionsBroker());
  const serve = scope.use(
    await startService({
      name: "serve",
      main: "sessions/main.ts",
      env: {
        ...brokerVariables(broker.access("serve")),
        RUNNER_RELAY_DATA: dir,
        RUNNER_RELAY_SESSIONS_PORT: "0",
        RUNNER_RELAY_SESSIONS_KEYS_FILE: join(dir, "keys"),
        RUNNER_RELAY_SESSIONS_USER_WRITES: "1000000",
      },
      logFile: join(dir, "serve.log"),
      journal: () => undefined,
    }),
  );
  const agent = new Agent({ connections: 1 });
  scope.defer(() => agent.close());

  /** Milliseconds until the answer is read. */
  async function ask(key: string, { method, path, body }: Wish, id: string, status: number): Promise<number> {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const url = id === "" ? "/sessions" : `/sessions/${id}${path}`;
    const began = performance.now();
    const answer = await agent.request({
      origin: serve.url(),
      method,
      path: url,
      headers,
      body: body ?? null,
    });
    await answer.body.dump();
    if (answer.statusCode !== status) throw new Error(`${method} ${url}: ${answer.statusCode}`);
    return performance.now() - began;
  }

  const session = JSON.stringify({ session_id: FOREIGN, prompt: "hello" });
  await ask(keys.ann, { what: "make", method: "POST", path: "", body: session }, "", 201);
  for (const wish of WISHES) {
    const [theirs, nobodys]: [number[], number[]] = [[], []];
    for (let i = -WARM; i < plan.requests; i++) {
      const pair = [
        { id: FOREIGN, times: theirs },
        { id: MISSING, times: nobodys },
      ];
      for (const { id, times } of i % 2 === 0 ? pair : pair.toReversed()) {
        const took = await ask(keys.bob, wish, id, 404);
        if (i >= 0) times.push(took);
      }
    }
    const [a, b] = [quantile(theirs, 0.5), quantile(nobodys, 0.5)];
    const shown = `${a.toFixed(3)} and ${b.toFixed(3)} ms, p99 ${ms(quantile(theirs, 0.99))} and ${ms(quantile(nobodys, 0.99))}`;
    report.check(`${wish.what}: another user's against none`, Math.max(a / b, b / a) <= MOST_APART, shown);
  }
}
