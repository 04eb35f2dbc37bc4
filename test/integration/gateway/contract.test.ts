import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATIONS, type Operation } from "../../../src/gateway/contract/operations.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { call, startTestGateway, type Reply, type TestGateway } from "./harness.ts";

// The answers of a running gateway, compared with the OpenAPI document that it serves. `npm run test:contract` does the same with generated requests.

type Media = { schema: object };
type Answer = { $ref?: string; headers?: object; content?: Record<string, Media> };
type Document = {
  paths: Record<string, Record<string, { responses: Record<string, Answer> }>>;
  components: { responses: Record<string, Answer> };
};

let broker: TestBroker;
let gateway: TestGateway;
let document: Document;
let schemas: Ajv2020;

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  gateway = await startTestGateway(broker);
  document = (await call(gateway.url(), "GET", "/_relay/openapi.json")).json as Document;
  schemas = new Ajv2020({ strict: false });
  schemas.addSchema(document, "gateway");
});
afterAll(async () => {
  await gateway?.close();
  await broker?.[Symbol.asyncDispose]();
});

/** What differs between an answer and the document; undefined if nothing does. */
function difference({ method, path }: Operation, { status, headers, json, text }: Reply): string | undefined {
  const responses = document.paths[path]?.[method]?.responses ?? {};
  let pointer = `/paths/${path.replaceAll("/", "~1")}/${method}/responses/${status}`;
  let answer = responses[status];
  if (answer?.$ref !== undefined) {
    pointer = answer.$ref.slice(1);
    answer = document.components.responses[pointer.split("/").at(-1) ?? ""];
  }
  if (answer === undefined) return `status ${status} is not documented`;
  const type = headers["content-type"]?.split(";")[0] ?? "";
  if (answer.content?.[type] === undefined) return `media type ${type} of ${status} is not documented`;
  const schema = `gateway#${encodeURI(`${pointer}/content/${type.replaceAll("/", "~1")}/schema`)}`;
  const value = type === "text/plain" ? text : json;
  return schemas.validate(schema, value) ? undefined : `${status}: ${schemas.errorsText()}`;
}

function targetOf({ path, path_parameters = {}, query = {} }: Operation): string {
  const example = (schema: { examples?: readonly unknown[] } | undefined): string =>
    String(schema?.examples?.[0]);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => example(path_parameters[name]));
  const search = Object.entries(query).map(([name, schema]) => `${name}=${example(schema)}`);
  return search.length === 0 ? filled : `${filled}?${search.join("&")}`;
}

const send = (operation: Operation, body: object | string | undefined, headers = {}): Promise<Reply> =>
  call(
    gateway.url(),
    operation.method.toUpperCase(),
    targetOf(operation),
    body as string | undefined,
    headers,
  );

const named = OPERATIONS.map((operation) => [operation.id, operation] as const);
const writes = named.filter(([, { tag }]) => tag === "Writes");

test.each(named)("%s: the answer to the documented example is as documented", async (_, operation) => {
  const reply = await send(operation, operation.body?.example, { prefer: "respond-async" });
  expect(difference(operation, reply)).toBeUndefined();
});

test.each(writes)("%s: the documented example is stored", async (_, operation) => {
  const reply = await send(operation, operation.body?.example);
  expect(reply.status).toBe(202);
  expect(reply.headers.location).toBe(
    `/_relay/deliveries/${String(reply.json["event_id"])}?seq=${String(reply.json["stream_seq"])}`,
  );
});

test.each(writes)("%s: refusals are as documented", async (_, operation) => {
  const example = operation.body?.example;
  const refused = [
    await send(operation, undefined),
    await send(operation, "{"),
    await send(operation, "[]"),
    await send(operation, { ...example, session_id: 7, executor_session_id: "" }),
    await send(operation, example, { "idempotency-key": "é" }),
    await send(operation, example, { "content-type": "text/plain" }),
    await send(operation, example, { host: "evil.example" }),
    await send(operation, example, { origin: "http://evil.example" }),
    await send(operation, example, { expect: "x" }),
  ];
  expect(refused.map((reply) => difference(operation, reply))).toEqual(refused.map(() => undefined));
  expect(new Set(refused.map(({ status }) => status)).size).toBeGreaterThan(3);
});

test("a difference is seen", async () => {
  const [operation] = OPERATIONS;
  if (operation === undefined) throw new Error("there is none");
  const reply = await send(operation, operation.body?.example);
  expect(difference(operation, { ...reply, status: 418 })).toContain("not documented");
  expect(difference(operation, { ...reply, json: { ...reply.json, more: 1 } })).toContain("additional");
  expect(difference(operation, { ...reply, headers: {} })).toContain("media type");
});
