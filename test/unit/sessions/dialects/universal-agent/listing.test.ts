import { expect, test } from "vitest";
import { opsList, sessionList } from "../../../../../src/sessions/dialects/universal-agent/listing.ts";
import { SESSION } from "./fake-sessions.ts";

const BOB = { ...SESSION, user: "bob", id: "s2", name: "n2", record: {} };

test("a list names folder, user and whether a turn runs", () => {
  const shown = { metadata: {}, run_id: null, is_live_session: false };
  expect(sessionList([SESSION, BOB], new Set(["n2"]))).toEqual({
    sessions: [
      { session_id: "s1", user_id: "ann", workspace_dir: "/srv/ann/s1", status: "idle", ...shown },
      { session_id: "s2", user_id: "bob", workspace_dir: "", status: "running", ...shown },
    ],
  });
});

test("the list for operators is whole, unless a part is asked for", () => {
  const ids = (query: object): unknown => {
    const { sessions, total } = opsList([SESSION, BOB], new Set(["n2"]), query) as {
      sessions: { session_id: string }[];
      total: number;
    };
    return [sessions.map(({ session_id }) => session_id), total];
  };
  expect(ids({})).toEqual([["s1", "s2"], 2]);
  expect(ids({ limit: "1", offset: "1" })).toEqual([["s2"], 2]);
  expect(ids({ limit: "many", offset: "-1" })).toEqual([["s1", "s2"], 2]);
  expect(ids({ owner: "ann" })).toEqual([["s1"], 1]);
  expect(ids({ status: "running" })).toEqual([["s2"], 1]);
});
