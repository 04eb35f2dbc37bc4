import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { openTurnFolders } from "../../../../src/worker/credentials/folders.ts";
import { openKept } from "../../../../src/worker/credentials/kept.ts";
import { supply, type Supplied, type SupplyDeps } from "../../../../src/worker/credentials/supply.ts";
import { eventually } from "../../../support/eventually.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { serveHttp, type Got, type HttpServer } from "../../../support/http-server.ts";

const HOUR = 60 * 60 * 1000;
type World = {
  deps: SupplyDeps;
  clock: FakeClock;
  server: HttpServer;
  above: string;
  renewals: () => number;
};

/** `answer`: status and body of the back end. `tokens`: those of the worker, one after the other. */
async function world(
  answer: (provider: string, got: Got) => [number, unknown],
  { tokens = ["t1"], sidecars = {} }: { tokens?: string[]; sidecars?: Record<string, string> } = {},
): Promise<World> {
  const above = mkdtempSync(join(tmpdir(), "rr-supply-"));
  const server = await serveHttp((response, got) => {
    const [status, body] = answer(/credentials\/(.*)$/.exec(got.target)?.[1] ?? "", got);
    response.writeHead(status).end(JSON.stringify(body));
  });
  onTestFinished(async () => {
    rmSync(above, { recursive: true, force: true });
    await server[Symbol.asyncDispose]();
  });
  const clock = createFakeClock();
  let renewals = 0;
  const deps: SupplyDeps = {
    plan: {
      backEnd: { url: server.url, project: "p", ids: {} },
      providers: ["github", "jira", "gitlab"],
      sidecars,
    },
    service: {
      current: () => Promise.resolve(tokens[0]),
      renew(refused) {
        renewals++;
        expect(refused).toBe(tokens[0]);
        return Promise.resolve(tokens[1]);
      },
    },
    folders: openTurnFolders(join(above, "turns"), process.pid),
    kept: openKept(join(above, "google")),
    clock,
    log: silentLogger(),
    env: { PATH: "/usr/bin" },
  };
  return { deps, clock, server, above, renewals: () => renewals };
}

const { signal } = new AbortController();
const OF = { session: { name: "name", id: "s", user: "ann" }, options: {}, caller: undefined };

async function supplied(deps: SupplyDeps, caller?: string): Promise<Supplied> {
  const it = await supply(deps, { ...OF, caller }, signal);
  if (it.kind !== "supplied") throw new Error(it.message);
  return it;
}

test("the worker's token is renewed once for all that it was refused, and nothing else is asked again", async () => {
  const { deps, server, renewals } = await world(
    (provider, { headers }) => [provider !== "jira" && headers.authorization === "Bearer t1" ? 401 : 404, {}],
    { tokens: ["t1", "t2"] },
  );
  (await supplied(deps)).close();
  const asked = server.got.map(
    ({ target, headers }) => `${target.split("/").at(-1)} ${headers.authorization}`,
  );
  expect(asked.toSorted()).toEqual([
    "github Bearer t1",
    "github Bearer t2",
    "gitlab Bearer t1",
    "gitlab Bearer t2",
    "jira Bearer t1",
  ]);
  expect(renewals()).toBe(1);
});

test("without another token nobody is asked again, and nothing is written", async () => {
  const { deps, server, above } = await world((provider) => [
    provider === "github" ? 200 : 403,
    { token: "t0" },
  ]);
  expect(await supply(deps, OF, signal)).toEqual({
    kind: "failed",
    code: "credentials_refused",
    message:
      "the back end refuses the credentials of gitlab (the worker's token got 403), jira (the worker's token got 403)",
  });
  expect(server.got).toHaveLength(3);
  expect(readdirSync(join(above, "turns"))).toEqual([]);
});

test("a turn without any token is refused without a request", async () => {
  const { deps, server } = await world(() => [200, {}], { tokens: [] });
  expect(await supply(deps, OF, signal)).toMatchObject({
    message: expect.stringContaining("github (there is no token to ask with)"),
  });
  expect(server.got).toEqual([]);
});

test("a token of GitHub is replaced in its file before it expires, until the turn is over", async () => {
  let minted = 0;
  const { deps, clock, server } = await world((provider) => {
    if (provider !== "github") return [404, {}];
    const expiresAt = new Date(clock.wall() + HOUR).toISOString();
    return [200, { token: `minted-token-${++minted}`, expiresAt }];
  });
  const { folder, env, secrets, close } = await supplied(deps, "Bearer caller");
  const file = join(folder, "github-token");
  expect(readFileSync(file, "utf8")).toBe("minted-token-1\n");
  expect(env["PATH"]).toBe(`${folder}/bin:/usr/bin`);
  clock.jump(HOUR - 5 * 60 * 1000);
  await eventually(() => expect(readFileSync(file, "utf8")).toBe("minted-token-2\n"));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(server.got.at(-1)?.headers.authorization).toBe("Bearer caller");
  expect(secrets.hide("minted-token-2")).toBe("[secret]");
  expect(readdirSync(folder).toSorted()).toEqual(["bin", "git-credential", "github-token"]);
  close();
  expect(existsSync(folder)).toBe(false);
  await clock.pass(HOUR);
  expect(minted).toBe(2);
});

test("what a sidecar has is not fetched, and programs learn where it is", async () => {
  const sidecars = { github: "http://127.0.0.1:8090/mcp" };
  const { deps, server } = await world(() => [404, {}], { sidecars });
  const { env, close } = await supplied(deps);
  expect(server.got.some(({ target }) => target.endsWith("/github"))).toBe(false);
  expect(env).toEqual({ CREDENTIAL_MCP_URLS: JSON.stringify(sidecars) });
  close();
});

test("a folder that cannot be written fails the turn", async () => {
  const { deps, above } = await world(() => [404, {}]);
  rmSync(join(above, "turns"), { recursive: true });
  expect(await supply(deps, OF, signal)).toMatchObject({ kind: "failed", code: "credentials_unwritable" });
});
