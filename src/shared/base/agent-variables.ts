/** Variables of the makers of agents that a worker reads, and gives to its agents only: no settings of ours, so that other programs keep them. */
export const AGENT_VARIABLES: readonly string[] = ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"];
