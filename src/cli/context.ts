import type { Command } from "commander";
import type { Environment } from "../shared/base/config/load.ts";
import type { Lines } from "../shared/base/output/lines.ts";
import type { Screen } from "./render/screen.ts";

/** What a command gets of the process it runs in; made by `main.ts` alone. */
export type Context = {
  /** The process's own environment: what is written here is read by a root that runs in this process. */
  env: Environment;
  /** What stdout is, for tables and colours. */
  screen: Screen;
  /** Stdout is a journal, which others may read and which is kept: no secret goes there. */
  journal: boolean;
  /** A line for people or programs, on stdout; control characters from outside do no harm there. */
  print(text: string): void;
  /** Several lines on stdout, over those drawn before if it is a terminal. */
  redraw(text: string): void;
  /** From here on something is changed: it is finished even if nobody reads what is said. */
  mustFinish(): void;
  /**
   * From here on this process is a service: what it prints and warns is dropped where it cannot be written, and neither stops it nor lets
   * it wait. Returns stderr, for its log.
   */
  serve(name: string): Lines;
  /** A line for people on stderr. */
  warn(text: string): void;
  /** Asks the person at the terminal; undefined if there is none. */
  ask(question: string): Promise<string | undefined>;
  /** Everything on stdin. */
  readStdin(): Promise<Uint8Array>;
};

/** What a command file exports: its command line, with the action that runs it. */
export type CommandFile = { command: (context: Context) => Command };
