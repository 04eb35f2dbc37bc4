import { Type } from "typebox";

// What the server answers. A test compares real answers with these.

const TIME = Type.String({ format: "date-time" });
const OBJECT = Type.Record(Type.String(), Type.Unknown());
const SEQ = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Place in the log, which is a cursor.",
});
const REPEATED = Type.Boolean({ description: "True if it lay there before, and this was a repeat." });
const TURN_STATUS = ["queued", "running", "finished", "failed", "cancelled", "interrupted"] as const;
const EXACT = { additionalProperties: false } as const;

export const SESSION = Type.Object(
  {
    session_id: Type.String(),
    user_id: Type.String(),
    kind: Type.Union([Type.Literal("worker"), Type.Literal("pod")], {
      description: "Who runs its turns: one of our workers, or an agent outside, which has none.",
    }),
    workspace_dir: Type.Union([Type.String(), Type.Null()], {
      description: "Folder in which its agent works. Null: the worker chooses.",
    }),
    agent: Type.Union([Type.String(), Type.Null()], { description: "Null: the worker's usual one." }),
    options: OBJECT,
    metadata: OBJECT,
    created_at: TIME,
    turn: Type.Optional(
      Type.Object({ turn_id: Type.String(), seq: SEQ }, { ...EXACT, description: "The turn of a prompt." }),
    ),
  },
  EXACT,
);

export const SESSIONS = Type.Object(
  {
    sessions: Type.Array(SESSION),
    next: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description: "`after` of the next page; null if there is none.",
    }),
  },
  EXACT,
);

export const DELETED = Type.Object({ deleted: Type.Literal(true) }, EXACT);

export const ACCEPTED_TURN = Type.Object({ turn_id: Type.String(), seq: SEQ, repeated: REPEATED }, EXACT);

export const CANCELLED = Type.Object({ turn_id: Type.String(), seq: SEQ }, EXACT);

export const TURN = Type.Object(
  {
    turn_id: Type.String(),
    seq: SEQ,
    status: Type.Union(
      TURN_STATUS.map((status) => Type.Literal(status)),
      { description: "`interrupted`: its worker went away, and nobody knows how far it came." },
    ),
    cancel_requested: Type.Boolean(),
    created_at: TIME,
    started_at: Type.Union([TIME, Type.Null()]),
    ended_at: Type.Union([TIME, Type.Null()]),
  },
  EXACT,
);

export const TURNS = Type.Object(
  {
    turns: Type.Array(TURN),
    next: Type.Union([SEQ, Type.Null()], { description: "`after` of the next page; null if there is none." }),
  },
  EXACT,
);

export const DECIDED = Type.Object({ request_id: Type.String(), seq: SEQ, repeated: REPEATED }, EXACT);
export const INPUT_STORED = Type.Object({ seq: SEQ, repeated: REPEATED }, EXACT);
export const MODE_STORED = Type.Object({ mode: Type.String(), seq: SEQ }, EXACT);

export const POD_BOUND = Type.Object({ session_id: Type.String(), pod_uid: Type.String() }, EXACT);
export const JOIN_SECRET = Type.Object(
  {
    join_secret: Type.String({ description: "It can be exchanged once, at the token service." }),
    expires_in: Type.Integer({ description: "Seconds until it counts no more." }),
  },
  EXACT,
);

const EVENT = Type.Object(
  {
    seq: SEQ,
    n: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "Of what the worker says: its number in the session, without a gap.",
      }),
    ),
    session_id: Type.Optional(Type.String()),
    turn_id: Type.Optional(Type.String()),
    type: Type.String({
      description: "`unreadable`: the event keeps its place, and cannot be shown; `code` says why.",
    }),
    source: Type.Optional(Type.Union([Type.Literal("user"), Type.Literal("worker"), Type.Literal("push")])),
    data: Type.Optional(Type.Unknown()),
    timestamp: Type.Optional(TIME),
    code: Type.Optional(Type.String()),
  },
  EXACT,
);

export const EVENTS = Type.Object(
  {
    events: Type.Array(EVENT),
    next: Type.Union([Type.String(), Type.Null()], {
      description:
        "Where the same request goes on: its next `after`, or its next `before`. Null if nothing lies before.",
    }),
    floor: Type.Integer({
      minimum: 0,
      description:
        "Retention removed events below this place: a smaller cursor has missed some. 0 if it removed none.",
    }),
    last: Type.Integer({ minimum: 0, description: "Place of the session's newest event." }),
  },
  EXACT,
);

export const PUSHED = Type.Object(
  { events: Type.Array(Type.Object({ seq: SEQ, repeated: REPEATED }, EXACT)) },
  EXACT,
);

export const INDEX = Type.Object(
  {
    service: Type.Literal("runner-relay sessions"),
    version: Type.String(),
    about: Type.String(),
    links: Type.Record(Type.String(), Type.String()),
  },
  EXACT,
);

export const HEALTH = Type.Object(
  {
    status: Type.Literal("ok"),
    version: Type.String(),
    sessions_active: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: "Sessions with turns that have not ended. Null if the log does not say.",
    }),
  },
  EXACT,
);

export const READINESS = Type.Object(
  {
    ready: Type.Boolean(),
    dependencies: Type.Object(
      {
        log: Type.Object(
          {
            state: Type.Union([Type.Literal("up"), Type.Literal("down"), Type.Literal("full")], {
              description: "`full`: only ends of turns, cancels and decisions fit.",
            }),
          },
          EXACT,
        ),
      },
      EXACT,
    ),
  },
  EXACT,
);
