import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { AgentEvents } from "../../../../src/agents/agent.ts";
import { hush } from "../../../../src/worker/credentials/hush.ts";
import { newTurnSecrets, secretsIn } from "../../../../src/worker/credentials/secrets.ts";

const SECRET = "ghp_abcabcabd123";

function listen(): { events: AgentEvents; said: string[] } {
  const said: string[] = [];
  const events: AgentEvents = {
    piece: (type, block, text) => said.push(`${type} ${block}:${text}`),
    tell: (type, data) => said.push(`${type}:${JSON.stringify(data)}`),
    room: () => Promise.resolve(),
    ask(data) {
      said.push(`ask:${JSON.stringify(data)}`);
      return Promise.resolve({ allow: true });
    },
    hear: () => undefined,
  };
  return { events, said };
}

test("a text in any pieces is what it was, but for the secret", () => {
  const word = fc.constantFrom("ghp_", "abc", "ghp_abcabc", SECRET, "abd123", " ", "x", "ghp_abcabcab");
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (pieces) => {
      const { events, said } = listen();
      const hushed = hush(events, newTurnSecrets([{ token: SECRET }]));
      for (const piece of pieces) hushed.events.piece("text", "0", piece);
      hushed.end({ outcome: "finished" });
      const text = said.map((it) => it.slice("text 0:".length)).join("");
      expect(text).toBe(pieces.join("").replaceAll(SECRET, "[secret]"));
    }),
  );
});

test("what is held back comes before whatever is said next, and at the end", () => {
  const { events, said } = listen();
  const hushed = hush(events, newTurnSecrets([{ token: SECRET }]));
  hushed.events.piece("text", "0", "a ghp_abc");
  hushed.events.tell("status", { of: `${SECRET}!` });
  hushed.events.piece("text", "0", "ghp_");
  hushed.events.piece("thinking", "0", "ghp_a");
  expect(hushed.end({ outcome: "finished", data: { result_text: SECRET } })).toEqual({
    outcome: "finished",
    data: { result_text: "[secret]" },
  });
  expect(said).toEqual([
    "text 0:a ",
    "text 0:ghp_abc",
    'status:{"of":"[secret]!"}',
    "text 0:ghp_",
    "thinking 0:ghp_a",
  ]);
});

test("questions are asked without secrets, also one that was learned later", () => {
  const { events, said } = listen();
  const secrets = newTurnSecrets([]);
  const hushed = hush(events, secrets);
  secrets.learn([{ token: "later-token-1" }]);
  void hushed.events.ask({ command: "echo later-token-1" });
  expect(said).toEqual(['ask:{"command":"echo [secret]"}']);
});

test("what is secret in answers of the back end", () => {
  const kubeconfig = 'users:\n- user:\n    token: "eyJhbGciOiJSUzI1NiIsImtpZCI6"\n';
  const values = [
    { token: SECRET, userName: "a-long-user-name", email: "a@example.com" },
    { token: kubeconfig },
    { token: "short" },
  ];
  expect(secretsIn(values)).toEqual([SECRET, "eyJhbGciOiJSUzI1NiIsImtpZCI6"]);
});
