// shield.ts puts all of this together · reception.ts reads a call, call-tools.ts tries and answers it · poll.ts, heartbeat.ts, register.ts and leaving.ts serve
// one call each · verdict.ts decides what becomes of it · call.ts follows it until its client leaves ·
// attempt.ts passes it on once · way.ts knows whether broker and relay are there · answers.ts has our own answers · ghosts.ts finds what broken polls took:
// run-list.ts reads the coordinator's lists, suspicion.ts says when to look, handouts.ts and stops.ts know what was given out · registrations.ts knows what
// runners registered · kept.ts and kept-list.ts write all of this to files
// A file per call, because each call has a deadline and a second try of its own, and a runner ends if one of them is wrong. What outlives a call (what was
// given out, what was registered) is kept apart from serving it, so that it can be written to disk and tested without HTTP.

export type { Affinity } from "./affinity.ts";
export { keptShield, type KeptShield } from "./kept.ts";
export { keptRunners } from "./kept-runners.ts";
export { keptRuns } from "./kept-runs.ts";
export { createKnownRunners, type KeptRunners, type KnownRunners, type Mismatch } from "./known-runners.ts";
export type { KeptRemoval } from "./kept-removals.ts";
export { readCall } from "./runner-calls.ts";
export { createShield, type Shield, type Shielded } from "./shield.ts";
export { createRuns, findRun, type FoundSession, type KeptRuns, type Runs } from "./runs.ts";
