export { readBacklog } from "../shared/status/backlog.ts";
