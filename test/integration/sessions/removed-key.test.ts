import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openAccess, type AccessValues, type Entrance } from "../../../src/sessions/access/open-access.ts";
import { sha256 } from "../../../src/sessions/access/keys.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { startTestServe } from "../../support/serve.ts";
import { openSocket } from "../../support/socket-reader.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker } from "../session-log/harness.ts";

const ORIGIN = "https://app.example";

/** Access as the process opens it, with keys in a file. */
function accessOf(file: string, dataDir: string): Entrance {
  const values: AccessValues = {
    sessionsListen: "127.0.0.1",
    sessionsOpen: false,
    sessionsBehindTls: false,
    sessionsKeysFile: file,
    sessionsOrigins: ORIGIN,
    sessionsUserWatchers: 1000,
    sessionsUserTurns: 64,
    sessionsUserSessions: 1000,
    sessionsUserWrites: 1000,
  } as AccessValues;
  const secrets = { add: () => undefined } as unknown as Parameters<typeof openAccess>[1]["secrets"];
  return openAccess(values, { dataDir, clock: systemClock, log: silentLogger(), secrets, fetch });
}

test("a key that is removed from the file ends its streams by every protocol, and no others", async () => {
  await using broker = await sessionsBroker();
  const folder = mkdtempSync(join(tmpdir(), "rr-removed-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "keys");
  const write = (...keys: string[]): void => {
    const lines = keys.map((key) =>
      JSON.stringify({ sha256: sha256(key), user: "ann", scopes: ["read", "user"] }),
    );
    writeFileSync(`${file}.new`, `${lines.join("\n")}\n`);
    renameSync(`${file}.new`, file);
  };
  write("kept", "removed");
  const entrance = accessOf(file, folder);
  onTestFinished(() => entrance.close());
  await using serve = await startTestServe(broker, { entrance });
  const by = (key: string): { authorization: string } => ({ authorization: `Bearer ${key}` });
  await serve.call("POST", "/sessions", { session_id: "chat" }, by("kept"));
  const streamsOf = async (key: string) => ({
    // as a page sends it, which reads the answer only with these headers
    sse: await openSse(`${serve.url}/sessions/chat/events`, { ...by(key), origin: ORIGIN }),
    socket: await openSocket(`${serve.url}/sessions/chat/execute?after=0`, by(key)),
    dialect: await openSocket(`${serve.url}/api/v1/sessions/chat/stream`, by(key)),
    lobby: await openSocket(`${serve.url}/ws/agent`, by(key)),
  });
  const [kept, removed] = [await streamsOf("kept"), await streamsOf("removed")];
  expect(removed.sse.response.headers["access-control-allow-origin"]).toBe(ORIGIN);
  write("kept");
  const said = await removed.sse.until(({ type }) => type === "closed");
  expect(said.at(-1)?.data).toMatchObject({ reason: "auth" });
  for (const { closed } of [removed.socket, removed.dialect, removed.lobby])
    expect(await closed).toEqual({ code: 4401, reason: "auth" });
  expect(await serve.call("GET", "/sessions", undefined, by("removed"))).toMatchObject({ status: 401 });
  await serve.call("POST", "/sessions/chat/turns", { user_input: "hi", client_turn_id: "t1" }, by("kept"));
  await kept.sse.until(({ type }) => type === "turn");
  await kept.socket.until(({ type }) => type === "turn");
  for (const { socket } of [kept.dialect, kept.lobby]) expect(socket.readyState).toBe(socket.OPEN);
  for (const stream of Object.values(kept)) stream.close();
});
