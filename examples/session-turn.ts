/**
 * Runs a turn in a session and prints what the agent says. Started again with the same session, it goes on there. The server of sessions is named in
 * `RUNNER_RELAY_SESSIONS_URL`, its key in `RUNNER_RELAY_SESSIONS_API_KEY` (`runner-relay sessions key` prints the one of `up`).
 *
 *   node examples/session-turn.ts ses_demo 'Say hello'   (Node 24; Node 20 or newer as JavaScript)
 */
import { ConnectionError, GatewayError, openSessions } from "../src/client/sessions/index.ts"; // "runner-relay/sessions" outside this repository

const [session_id = "ses_demo", prompt = "Say hello"] = process.argv.slice(2);
const url = process.env["RUNNER_RELAY_SESSIONS_URL"] ?? "http://127.0.0.1:8002";
const key = process.env["RUNNER_RELAY_SESSIONS_API_KEY"] ?? "";

const sessions = openSessions({ url, key });
try {
  const session = await sessions.createSession({ session_id }); // or the one that there is
  for await (const event of sessions.execute(session, prompt)) {
    const { type, data } = event;
    if (type === "text") process.stdout.write(String(data["text"]));
    // an agent that asks waits for as long as it takes: here nobody is there to be asked
    if (type === "permission_request")
      await sessions.decide(session, String(data["request_id"]), {
        allow: false,
        message: "not in a script",
      });
    if (type === "turn_ended") process.stdout.write(`\n${String(data["outcome"])}\n`);
  }
} catch (error) {
  if (error instanceof GatewayError) console.error(`the server refused: ${error.code} (${error.status})`);
  else if (error instanceof ConnectionError) console.error(`the server does not answer: ${error.message}`);
  else throw error;
  process.exitCode = 1;
} finally {
  await sessions.close();
}
