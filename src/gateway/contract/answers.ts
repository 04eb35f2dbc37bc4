import type { FromSchema, JSONSchema } from "json-schema-to-ts";
import { EVENT_ID, STREAM_SEQ } from "./ids.ts";

// What the gateway itself answers. own.ts and receipts.ts have the types of their answers from here, so that one that differs does not compile.

/** The answer to a write that was stored and is not delivered yet. */
export const ACCEPTED = {
  type: "object",
  additionalProperties: false,
  required: ["ok", "status", "event_id", "stream_seq", "session_seq", "durability"],
  properties: {
    ok: { const: true },
    status: { const: "accepted" },
    event_id: EVENT_ID,
    stream_seq: STREAM_SEQ,
    session_seq: {
      type: ["string", "null"],
      description:
        "`<epoch>-<number>` within the session. Null if an earlier process of the gateway stored the event.",
      examples: ["m3k8-12"],
    },
    durability: {
      enum: ["fsync", "unverified"],
      description: "`fsync`: it was verified that the broker syncs every write to disk.",
    },
  },
} as const satisfies JSONSchema;

const receipt = { event_id: EVENT_ID, stream_seq: STREAM_SEQ } as const;
const reason = { type: "string", description: "Why." } as const;

/** Where an event is. */
export const RECEIPT = {
  description:
    "Where the event is. `pending`: not delivered yet. `delivered`: the coordinator has it. `superseded`: a bind that came too late. `dead`: the coordinator refused it. `dropped`: the coordinator refused it, and an operator removed its dead letter. `lost`: the log had it and lost it.",
  anyOf: [
    {
      type: "object",
      additionalProperties: false,
      required: ["event_id", "stream_seq", "state"],
      properties: { ...receipt, state: { enum: ["pending", "delivered"] } },
    },
    {
      type: "object",
      additionalProperties: false,
      required: ["event_id", "stream_seq", "state", "reason"],
      properties: { ...receipt, state: { enum: ["superseded", "dropped", "lost"] }, reason },
    },
    {
      type: "object",
      additionalProperties: false,
      required: ["event_id", "stream_seq", "state", "reason"],
      properties: {
        ...receipt,
        state: { const: "dead" },
        reason,
        status: { type: "integer", description: "The coordinator's status, if it answered." },
        attempts: { type: "integer", minimum: 0, description: "How often it was tried." },
      },
    },
  ],
} as const satisfies JSONSchema;

/** The answer of `/_relay/health`. */
export const HEALTH = {
  type: "object",
  additionalProperties: false,
  required: ["status", "version", "gateway"],
  properties: {
    status: { const: "ok" },
    version: { type: "string", description: "Version of runner-relay." },
    gateway: { type: "string", description: "Name of this gateway." },
  },
} as const satisfies JSONSchema;

const affinity = {
  type: "object",
  additionalProperties: false,
  required: ["hostname", "executor_profile"],
  properties: { hostname: { type: "string" }, executor_profile: { type: "string" } },
} as const satisfies JSONSchema;

/** The answer of `/_relay/ready`. */
export const READINESS = {
  type: "object",
  additionalProperties: false,
  required: ["ready", "dependencies", "durability"],
  properties: {
    ready: { type: "boolean", description: "True if writes can be stored." },
    stopping: { const: true },
    dependencies: {
      type: "object",
      additionalProperties: false,
      required: ["log", "relay", "coordinator"],
      properties: {
        log: {
          type: "object",
          additionalProperties: false,
          required: ["state"],
          properties: {
            state: {
              enum: ["up", "down", "refusing"],
              description: "`refusing`: the broker is connected, but stores nothing.",
            },
            reason: { type: "string", description: "Error code of the refusal." },
            detail: { type: "string" },
          },
        },
        relay: {
          type: "object",
          additionalProperties: false,
          required: ["state"],
          properties: {
            state: { enum: ["up", "away"] },
            since: {
              type: "string",
              description:
                "`away`: when a relay was heard last. Missing if none was since the gateway started.",
            },
            waiting: {
              type: "object",
              description:
                "`away`: what this gateway stored and no relay is known to have delivered, since the gateway started.",
              additionalProperties: false,
              required: ["events", "bytes"],
              properties: { events: { type: "integer" }, bytes: { type: "integer" } },
            },
          },
        },
        coordinator: {
          type: "object",
          additionalProperties: false,
          required: ["state"],
          properties: {
            state: { enum: ["up", "away", "paused", "unknown"] },
            reason: { type: "string", description: "Error code of the reason." },
          },
        },
      },
    },
    durability: ACCEPTED.properties.durability,
    runner_mismatches: {
      type: "array",
      description: "Runners that registered another host name or profile than this gateway writes.",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["runner_id", "registered", "written"],
        properties: { runner_id: { type: "string" }, registered: affinity, written: affinity },
      },
    },
    leaving_runners: {
      type: "array",
      description: "Runners whose removal is still pending.",
      items: { type: "string" },
    },
  },
} as const satisfies JSONSchema;

/** The answer of `/` and `/_relay`. */
export const INDEX = {
  type: "object",
  additionalProperties: false,
  required: ["service", "version", "gateway", "about", "writes", "links"],
  properties: {
    service: { const: "runner-relay gateway" },
    version: { type: "string" },
    gateway: { type: "string", description: "Name of this gateway." },
    about: { type: "string", description: "What the gateway does, in a sentence." },
    writes: { type: "array", items: { type: "string" }, description: "Routes that are stored in the log." },
    links: {
      type: "object",
      description: "The gateway's own resources, by name.",
      additionalProperties: { type: "string" },
    },
  },
} as const satisfies JSONSchema;

export type Health = FromSchema<typeof HEALTH>;
export type Readiness = FromSchema<typeof READINESS>;
export type Index = FromSchema<typeof INDEX>;
export type ReceiptBody = FromSchema<typeof RECEIPT>;
