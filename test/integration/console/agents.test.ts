import { afterAll, beforeAll, expect, test } from "vitest";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { eventually } from "../../support/eventually.ts";
import { startAgentStage, type AgentStage } from "./agent-stage.ts";
import { formOf, post } from "./page-stage.ts";

let stage: AgentStage;
beforeAll(async () => {
  stage = await startAgentStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

const text = async (path: string): Promise<string> => (await stage.console.get(path)).text();
const pageOf = ({ name }: Session): string => `/agent?name=${name}`;

/** The link of a button on a session's page. */
async function linkTo(session: Session, action: string): Promise<string> {
  return await eventually(async () => {
    const found = new RegExp(`href="(/confirm\\?action=${action}&amp;[^"]*)"`).exec(
      await text(pageOf(session)),
    );
    if (found?.[1] === undefined) throw new Error(`there is no ${action}`);
    return found[1].replaceAll("&amp;", "&");
  });
}

async function act(path: string, action: string, more: Record<string, string> = {}): Promise<Response> {
  const form = await formOf(stage.console.url, path);
  for (const [name, value] of Object.entries(more)) form.set(name, value);
  return await post(`${stage.console.url}/act/${action}`, form);
}

test("ASK-1: an open question is shown, escaped, and answered once", async () => {
  const session = await stage.make("asks");
  await stage.ask(session, "t1");
  const allow = await linkTo(session, "allow");
  const page = await text(pageOf(session));
  expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;");
  expect(page).not.toContain("<img");
  const listed = await text("/agents");
  expect(listed).toMatch(/asks<\/a>[\s\S]*>asks<\/span>/);
  expect(listed).toContain("1 worker: worker-1");
  expect((await act(allow, "allow")).status).toBe(303);
  await eventually(() => expect(stage.allowed).toEqual([true]));
  expect((await stage.console.get(allow)).status, "it is not open any more").toBe(404);
  await eventually(async () => expect(await text(pageOf(session))).toMatch(/turn_ended[\s\S]*finished/));
});

test("a question is denied, a turn is stopped, and what is over cannot be", async () => {
  const session = await stage.make("denied");
  await stage.ask(session, "t1");
  const before = stage.allowed.length;
  expect((await act(await linkTo(session, "deny"), "deny", { text: "too risky" })).status).toBe(303);
  await eventually(() => expect(stage.allowed.slice(before)).toEqual([false]));
  await eventually(async () => expect(await text(pageOf(session))).toContain("too risky"));
  await stage.ask(session, "t2");
  const stop = await linkTo(session, "stop");
  const form = await formOf(stage.console.url, stop);
  expect((await act(stop, "stop")).status).toBe(303);
  // a machine that is loaded may have cost the worker its lease: then another term ends it
  await eventually(async () => expect(await text(pageOf(session))).toMatch(/cancelled|interrupted/));
  expect((await post(`${stage.console.url}/act/stop`, form)).status).toBe(404);
});

test("no session, one that was deleted, and what is no name; nothing is done without the form", async () => {
  const session = await stage.make("gone");
  await stage.ask(session, "t1");
  const allow = await linkTo(session, "allow");
  const before = stage.allowed.length;
  const bare = new URLSearchParams(new URL(allow, stage.console.url).searchParams);
  expect((await post(`${stage.console.url}/act/allow`, bare)).status).toBe(403);
  expect(stage.allowed.length).toBe(before);
  await deleteSession(stage.client, session);
  expect((await stage.console.get(pageOf(session))).status).toBe(404);
  expect((await stage.console.get("/agent?name=x")).status).toBe(400);
  expect((await stage.console.get(`/agent?name=${"x".repeat(22)}`)).status).toBe(404);
  expect(await text("/agents")).not.toContain(">gone<");
});

test("events come in pages, newest first", async () => {
  const session = await stage.make("long");
  for (let i = 0; i < 60; i++)
    await stage.client.nc.request(`rr.ses.${session.name}.in.push.p${i}`, "no envelope");
  const first = await text(pageOf(session));
  expect(first).toContain("61 events in the log");
  expect(first.match(/<tr id="e-\d+"/g)).toHaveLength(50);
  const older = /href="(\/agent\?name=[^"]*before=\d+)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
  const second = await text(older);
  expect(second.match(/<tr id="e-\d+"/g)).toHaveLength(11);
  expect(second).toContain("created");
});
