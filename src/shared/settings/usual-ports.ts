/** The ports that the parts use where they are free and no other was chosen. */
export const USUAL_PORT = { gateway: 8766, relay: 8767, console: 8768, sessions: 8002 } as const;
