import type { Html } from "./html.ts";

/** What a confirmation says. */
export type Words = { title: string; text: Html; fields?: Html; button: string; back: string };
