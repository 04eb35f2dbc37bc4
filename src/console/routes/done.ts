import type { Notice } from "../views/layout.ts";

/** Where to go after an action, and what to say there. */
export type Done = { path: string; notice: Notice };
