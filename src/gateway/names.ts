import { answerInbox, gatewayInbox, runnerName } from "../shared/log/schema/subjects.ts";
import { createTokens } from "./writes/tokens.ts";

/** What one process of a gateway is called: no two processes share any of it but the runner. */
export type Names = {
  newToken: () => string;
  /** Part of every epoch and request id of this process. Executors and the coordinator see it. */
  nonce: string;
  /** Name of the runner in subjects. */
  runner: string;
  /** Subject prefix of what relays send to the tunnel. */
  tunnelInbox: string;
  /** Subject prefix of the broker's acknowledgements. */
  logInbox: string;
  /** Subject of the answers to this process's writes, up to their ids. */
  answerPrefix: string;
};

/**
 * Inboxes do not use the nonce: the broker lets a login have its acknowledgements sent anywhere, so everyone who knows an inbox can write into it.
 */
export function createNames(options: {
  gateway: string;
  runner: string | undefined;
  hostname: string;
  profile: string;
}): Names {
  const newToken = createTokens();
  const runner = runnerName(options);
  return {
    newToken,
    nonce: newToken(),
    runner,
    tunnelInbox: `${gatewayInbox(options.gateway)}.${newToken()}`,
    logInbox: `${gatewayInbox(options.gateway)}.${newToken()}`,
    answerPrefix: `${answerInbox(options.gateway, runner, newToken())}.`,
  };
}
