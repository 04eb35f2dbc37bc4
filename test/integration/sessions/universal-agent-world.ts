import { refuse, type Access, type Caller, type Scope } from "../../../src/sessions/access/caller.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

/** Who a test's requests come from: a user, or `admin`, who may act for all. */
export const as = (user: string): { authorization: string } => ({ authorization: `Bearer ${user}` });

/** A key for each user: its name. */
const KEYS: Access = {
  async caller({ headers }) {
    const user = /^Bearer (\w+)$/.exec(headers.authorization ?? "")?.[1];
    if (user === undefined) return refuse("inbound_unauthorized", "a key is required");
    const scopes: Scope[] = ["read", "write", "user"];
    const caller: Caller = {
      user,
      scopes: new Set<Scope>(user === "admin" ? [...scopes, "admin"] : scopes),
      open: false,
      ended: new AbortController().signal,
    };
    return caller;
  },
};

export type World = {
  serve: TestServe;
  make(user: string, body?: object): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A server whose keys are the names of users. */
export async function startWorld(): Promise<World> {
  await using starting = new AsyncDisposableStack();
  const broker = starting.use(await sessionsBroker());
  const serve = starting.use(await startTestServe(broker, { access: KEYS }));
  const scope = starting.move();
  return {
    serve,
    async make(user, body = {}) {
      const { status, json } = await serve.call("POST", "/api/v1/sessions", body, as(user));
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`);
      return json.session_id;
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
