import { one, type Mutation } from "../mutation.ts";

const SESSIONS = "/src/shared/session-log";
const WATCH = `${SESSIONS}/follow/watch.ts`;

/** Mistakes in what writes and follows sessions. */
export const SESSION_MUTATIONS: readonly Mutation[] = [
  one(
    "an append names no event before it",
    "sessions",
    `${SESSIONS}/append/put.ts`,
    '  head.set("Nats-Expected-Last-Subject-Sequence", String(entry.last));\n',
    "",
  ),
  one(
    "an append of unknown outcome counts as stored",
    "sessions",
    `${SESSIONS}/append/put.ts`,
    'if (answer.kind === "stored" || answer.kind === "refused") return answer;',
    'if (answer.kind === "unknown") return { kind: "stored", seq: entry.last + 1 };\n    if (answer.kind === "stored" || answer.kind === "refused") return answer;',
  ),
  one(
    "an owner that was overtaken writes on",
    "sessions",
    `${SESSIONS}/append/owner-writer.ts`,
    'if (became.kind === "overtaken") lost = became;',
    'if (became.kind === "overtaken") { last = became.by; return append({ id, kind, data }); }',
  ),
  {
    name: "a watcher joins the hub after its replay",
    part: "sessions",
    patches: [
      {
        file: WATCH,
        find: "deps.hub.join(session, feed); //",
        replace:
          "deps.hub.join(session, { ...feed, push: (it) => (REPLAYED.has(feed) ? feed.push(it) : undefined) }); //",
      },
      {
        file: WATCH,
        find: "  yield* replay(deps, options, place, feed);\n",
        replace: "  yield* replay(deps, options, place, feed);\n  REPLAYED.add(feed);\n",
      },
      {
        file: WATCH,
        find: "const FEED_BYTES",
        replace: "const REPLAYED = new WeakSet<object>();\nconst FEED_BYTES",
      },
    ],
  },
  one(
    "a watcher is shown again what the replay had",
    "sessions",
    WATCH,
    "    if (next.seq <= place.last) continue; // the replay had it\n",
    "",
  ),
  one(
    "a hole in what is heard is passed over",
    "sessions",
    `${SESSIONS}/follow/contiguity.ts`,
    "if (learnt.seq === at.upTo + 1) return",
    "if (learnt.seq > at.upTo) return",
  ),
  one(
    "the end of the log is not asked for",
    "sessions",
    `${SESSIONS}/follow/hub.ts`,
    '    learn({ type: "last", last: end.last, asked, other: end.log !== before.log });\n',
    "",
  ),
];
