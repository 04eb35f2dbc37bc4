import { expect, test } from "vitest";
import { BIND_BODY, METADATA_BODY } from "../../../../src/gateway/contract/bodies.ts";
import {
  COORDINATOR_EVENT,
  COORDINATOR_FAILURE,
  COORDINATOR_METADATA,
  COORDINATOR_REPORT,
  COORDINATOR_SESSION_STATUS,
} from "../../../../src/gateway/contract/coordinator.ts";
import {
  BIND_FIELDS,
  EVENT_FIELDS,
  METADATA_FIELDS,
  RUN_COMPLETED_FIELDS,
  RUN_FAILED_FIELDS,
  SESSION_STATUS_FIELDS,
} from "../../../../src/standin/models.ts";
import type { Field } from "../../../../src/standin/validation.ts";

type Schema = { required?: readonly string[]; properties: Record<string, object> };

function documented(...schemas: Schema[]): Record<string, boolean> {
  const names = schemas.flatMap(({ properties }) => Object.keys(properties));
  const required = schemas.flatMap((schema) => schema.required ?? []);
  return Object.fromEntries(names.toSorted().map((name) => [name, required.includes(name)]));
}

function checked(fields: readonly Field[]): Record<string, boolean> {
  const sorted = fields.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(sorted.map(({ name, required }) => [name, required === true]));
}

const session = { required: ["session_id"], properties: { session_id: {} } };

test.each<[string, Schema[], readonly Field[]]>([
  ["event", [session, COORDINATOR_EVENT], EVENT_FIELDS],
  ["run report", [COORDINATOR_REPORT], RUN_COMPLETED_FIELDS],
  ["failure", [COORDINATOR_FAILURE], RUN_FAILED_FIELDS],
  ["session status", [COORDINATOR_SESSION_STATUS], SESSION_STATUS_FIELDS],
])("the documented members of %s are the coordinator's", (_, schemas, fields) => {
  expect(documented(...schemas)).toEqual(checked(fields));
});

test("binds and metadata have the coordinator's members; the gateway says where the runner is", () => {
  const { session_id: _, ...bind } = documented(BIND_BODY);
  expect({ ...bind, hostname: true, executor_profile: true }).toEqual(checked(BIND_FIELDS));
  const { session_id: __, ...metadata } = documented(
    { properties: METADATA_BODY.properties },
    COORDINATOR_METADATA,
  );
  expect(metadata).toEqual(checked(METADATA_FIELDS));
});
