import type { Command } from "commander";
import type { Environment } from "../shared/base/config/load.ts";
import type { Lines } from "../shared/base/output/lines.ts";
import type { Screen } from "./render/screen.ts";

/** A command's access to the process that it runs in. Only `main.ts` makes one. */
export type Context = {
  /** The process's own environment. A composition root that runs in this process reads what a command writes here. */
  env: Environment;
  /** Properties of stdout, for tables and colours. */
  screen: Screen;
  /** Properties of stderr, for the log of a service. */
  errors: { terminal: boolean; screen: Screen };
  /** True if stdout is a journal. Others may read it and it is kept, so no secret may be printed there. */
  journal: boolean;
  /** Prints a line on stdout, for people or programs. Control characters in it are made harmless. */
  print(text: string): void;
  /** Prints a piece of text on stdout as it is, to be continued. Control characters in it are made harmless. */
  write(text: string): void;
  /** Prints several lines on stdout; on a terminal they replace those drawn before. */
  redraw(text: string): void;
  /** Call this before changing anything: from then on the command finishes even if the reader of its output goes away. */
  mustFinish(): void;
  /**
   * Turns this process into a service: output that cannot be written is dropped, and neither stops the process nor makes it wait. Returns
   * stderr, for its log.
   */
  serve(name: string): Lines;
  /** Prints a line on stderr, for people. */
  warn(text: string): void;
  /** Asks the person at the terminal. Undefined if there is no terminal. */
  ask(question: string): Promise<string | undefined>;
  /** Reads all of stdin. */
  readStdin(): Promise<Uint8Array>;
};

/** The export of a command's file: its command line, with the action that runs it. */
export type CommandFile = { command: (context: Context) => Command };
