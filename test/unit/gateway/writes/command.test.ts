import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commandOf, judgementOf, MAX_DEPTH } from "../../../../src/gateway/writes/command.ts";

const runner = { hostname: "dev-machine", profile: "coding" };

function body(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? Buffer.from(text) : text;
}

function forwarded(write: "bind" | "event" | "metadata", session: string | undefined, text: string): string {
  const command = commandOf(write, session, body(text), runner);
  return command.ok ? Buffer.from(command.body).toString() : `${command.code}: ${command.detail}`;
}

describe("bodies that are refused", () => {
  test.each([
    ["event", "", "body_required: Request body required"],
    ["event", "{", "body_invalid_json: Invalid JSON: the body ends too early"],
    ["event", "hello, my secret", "body_invalid_json: Invalid JSON: unexpected byte at position 0"],
    ["event", '{"a":tru}', "body_invalid_json: Invalid JSON: unexpected byte at position 8"],
    ["event", "\ufeff{}", "body_invalid_json: Invalid JSON: unexpected byte at position 0"],
    ["event", "[1]", "body_not_object: the body must be a JSON object"],
    ["event", "null", "body_not_object: the body must be a JSON object"],
    ["event", '"text"', "body_not_object: the body must be a JSON object"],
    ["event", "{}", "field_missing: session_id required"],
    ["event", '{"session_id":""}', "field_missing: session_id required"],
    ["event", '{"session_id":null}', "field_missing: session_id required"],
    ["event", '{"session_id":7}', "field_invalid: session_id must be a string"],
    ["event", '{"__proto__":{"session_id":"x"}}', "field_missing: session_id required"],
    [
      "event",
      '{"session_id":"a/../../runs?x=1#y"}',
      "session_id_invalid: session_id must not hold slashes or be a dot segment",
    ],
    [
      "event",
      '{"session_id":".."}',
      "session_id_invalid: session_id must not hold slashes or be a dot segment",
    ],
    ["event", '{"session_id":"a\\u0000"}', "session_id_invalid: session_id must not hold control characters"],
    ["event", '{"session_id":"\\ud800"}', "session_id_invalid: session_id is not valid Unicode text"],
    ["event", `{"session_id":"${"é".repeat(80)}"}`, "session_id_invalid: session_id is too long"],
    ["event", `{"session_id":"${"x".repeat(1_000_000)}"}`, "session_id_invalid: session_id is too long"],
    ["event", '{"session_id":"s","session\\u005fid":[1]}', "field_invalid: session_id must be a string"],
    ["bind", '{"session_id":"s"}', "field_missing: executor_session_id required"],
    ["bind", '{"session_id":"s","executor_session_id":""}', "field_missing: executor_session_id required"],
    ["metadata", '{"last_resumed_at":"now"}', "field_missing: session_id required"],
  ] as const)("%s %s", (write, text, problem) => expect(forwarded(write, undefined, text)).toBe(problem));

  test.each(["null", "false", "0", "-0.0", "0e7", "1e-999", '""'])(
    "a bind with %s for its executor's session",
    (value) => {
      expect(forwarded("bind", "s", `{"executor_session_id":"e","executor_session_id":${value}}`)).toBe(
        "field_missing: executor_session_id required",
      );
    },
  );

  test("a body that is not UTF-8", () => {
    const bytes = Buffer.from([...Buffer.from('{"session_id":"'), 0xff, ...Buffer.from('"}')]);
    expect(commandOf("event", undefined, bytes, runner)).toMatchObject({
      ok: false,
      code: "body_invalid_json",
    });
  });

  test("nesting beyond the limit, and up to it", () => {
    const nested = (levels: number): string =>
      `{"session_id":"s","x":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    expect(commandOf("event", undefined, body(nested(MAX_DEPTH - 1)), runner).ok).toBe(true);
    expect(commandOf("event", undefined, body(nested(MAX_DEPTH)), runner)).toMatchObject({
      code: "body_too_deep",
    });
    expect(commandOf("event", undefined, body(nested(1_000_000)), runner)).toMatchObject({
      code: "body_too_deep",
    });
  });

  test("an event whose session differs from the path's", () => {
    expect(forwarded("event", "s1", `{"session_id":"${"x".repeat(5000)}"}`)).toContain("session_id_mismatch");
    expect(forwarded("event", "s1", '{"session_id":null}')).toBe('{"session_id":null}');
    expect(forwarded("event", "s1", '{"session_id":7}')).toBe('{"session_id":7}');
    expect(forwarded("event", "s1", '{"session_id":"s2"}')).toBe(
      "session_id_mismatch: Event session_id must match URL session_id",
    );
  });
});

describe("what is forwarded", () => {
  test("an event is forwarded byte for byte", () => {
    const text =
      ' {"n":12345678901234567890, "x":1.0,"session_id":"a","session_id":"s","hostname":"kept: just data"} ';
    const command = commandOf("event", undefined, body(text), runner);
    expect(command).toMatchObject({ ok: true, session: "s" }); // the last of equal keys counts, as in Python
    expect(forwarded("event", undefined, text)).toBe(text);
    expect(forwarded("event", "s", '{"event_type":"x"}')).toBe('{"event_type":"x"}');
  });

  test.each([
    [
      '{"session_id":"s","executor_session_id":"e"}',
      '{"executor_session_id":"e","hostname":"dev-machine","executor_profile":"coding"}',
    ],
    [
      '{"session_id":"s","executor_session_id":"e","project_dir":"/p","hostname":"evil","executor_profile":"evil","more":1}',
      '{"executor_session_id":"e","hostname":"dev-machine","executor_profile":"coding","project_dir":"/p"}',
    ],
    [
      '{"executor_session_id":"e","project_dir":null}',
      '{"executor_session_id":"e","hostname":"dev-machine","executor_profile":"coding"}',
    ],
  ])("OWN-1: a bind says where the runner is, and nothing else: %s", (text, expected) => {
    expect(forwarded("bind", "s", text)).toBe(expected);
  });

  test("OWN-1: metadata keep everything but what the runner owns, numbers to the last digit", () => {
    const text =
      '{"session_id":"s","last_resumed_at":"now","host\\u006eame":"evil","executor_profile":"evil",' +
      '"big":12345678901234567890,"float":1.0,"negative":-0,"huge":1e400,"nested":{"hostname":"kept","big":9007199254740993},"__proto__":{"a":1}}';
    expect(forwarded("metadata", undefined, text)).toBe(
      '{"last_resumed_at":"now","big":12345678901234567890,"float":1.0,"negative":-0,"huge":1e400,"nested":{"hostname":"kept","big":9007199254740993},"__proto__":{"a":1}}',
    );
  });

  test.each([
    ["{}", "{}"],
    [' { "a" : 1 , "session_id":"s" , "b":[ 2 ] , "c":3 } ', '{"a" : 1,"b":[ 2 ] , "c":3}'],
    ['{"hostname":1,"hostname":2,"a":1,"host\\u006eame":{"a":[]},"\\u0073ession_id":"t"}', '{"a":1}'],
    ['{"hostname":1}', "{}"],
    ['{"hostname ":1,"Hostname":2,"a":{"hostname":3}}', '{"hostname ":1,"Hostname":2,"a":{"hostname":3}}'],
    ['{"a":1,"a":2}', '{"a":1,"a":2}'],
  ])("OWN-1: of metadata only what is the runner's is left out: %s", (text, expected) => {
    expect(forwarded("metadata", "s", text)).toBe(expected);
  });

  test("values of a bind are forwarded as they are written", () => {
    expect(
      forwarded(
        "bind",
        "s",
        '{"project_dir":"\\u002fp","executor_session_id":"\\ud83d\\ude00","hostname":7,"host\\u006eame":8}',
      ),
    ).toBe(
      '{"executor_session_id":"\\ud83d\\ude00","hostname":"dev-machine","executor_profile":"coding","project_dir":"\\u002fp"}',
    );
  });

  test("in slices of any size it is judged as at once", () => {
    const texts = [
      '{"session_id":"s","executor_session_id":"e","project_dir":"/p","hostname":"x","a":[1.5e3,{"b":"\\u0061"}]}',
      '{"session_id":"s","executor_session_id":""}',
      '{"session_id":"s","a":tru}',
      '["session_id"]',
      "{".repeat(10),
    ];
    for (const text of texts) {
      for (const write of ["event", "bind", "metadata", "run"] as const) {
        for (const slice of [1, 2, 7]) {
          const judgement = judgementOf(write, undefined, body(text), runner);
          let command;
          while (command === undefined) command = judgement.advance(slice);
          expect(command).toEqual(commandOf(write, undefined, body(text), runner));
        }
      }
    }
  });

  test("BOUND-1: 4 MiB of small values cost no more memory than their bytes, on every route", () => {
    for (const unit of ["{}", "[]", "1", '"a"', '{"a":1}', "[[[]]]", '"\\n"']) {
      const start = '{"session_id":"s","executor_session_id":"e","a":[';
      const text = `${start}${Array(Math.floor((4 << 20) / (unit.length + 1)))
        .fill(unit)
        .join(",")}]}`;
      const bytes = Buffer.from(text);
      for (const write of ["event", "bind", "metadata", "run"] as const) {
        const judgement = judgementOf(write, "s", bytes, runner);
        const before = process.memoryUsage().heapUsed;
        expect(judgement.advance(Infinity)).toMatchObject({ ok: true });
        expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 << 20); // its tree would be 30 to 200 MiB
      }
    }
  });

  test("OWN-1: whatever an executor sends, it never says where the runner is", () => {
    const key = fc.oneof(
      fc.constantFrom("hostname", "executor_profile", "session_id", "__proto__"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.jsonValue())), (entries) => {
        const members = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        const text = `{${[...members, '"executor_session_id":"e"'].join(",")}}`;
        const meta = commandOf("metadata", "s", body(text), runner);
        const bind = commandOf("bind", "s", body(text), runner);
        if (!meta.ok || !bind.ok) throw new Error("refused");
        const kept = Object.keys(JSON.parse(Buffer.from(meta.body).toString()) as object);
        expect(kept).not.toContain("hostname");
        expect(kept).not.toContain("executor_profile");
        expect(kept).not.toContain("session_id");
        expect(JSON.parse(Buffer.from(bind.body).toString())).toMatchObject({
          hostname: "dev-machine",
          executor_profile: "coding",
        });
      }),
    );
  });
});
