import type { Command } from "./command.ts";
import { notice, type Frame } from "./frame.ts";

/** What a socket without a session says to a frame; undefined for one that makes a session. What needs a session is passed over, as the program does. Pure. */
export function lobbyAnswer(command: Command, at: number): Frame[] | undefined {
  switch (command.kind) {
    case "execute":
      return undefined;
    case "ping":
      return [notice("pong", {}, at)];
    case "cancel":
      return [notice("cancelled", { message: "Nothing to cancel (lobby mode)" }, at)];
    case "wrong": {
      const error = notice("error", { message: command.message }, at);
      return command.ends ? [error, notice("query_complete", { completed: false }, at)] : [error];
    }
    case "answer":
    case "approval":
    case "resume":
      return [];
  }
}
