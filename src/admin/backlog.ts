export { readBacklog, type Backlog } from "../shared/status/backlog.ts";
