import { pino, type Logger as PinoLogger } from "pino";
import { errorText, isCoded } from "./errors.ts";
import type { Lines } from "./output/lines.ts";
import { formsOf } from "./secret-forms.ts";

export type Logger = PinoLogger;

/**
 * The secrets that this process knows. Every log line is searched for them just before it is written (CRED-1), because a secret can
 * come back in the text of a foreign error, where no field name reveals it.
 */
export class SecretRegistry {
  /** The longest first, because a secret may be the beginning of another one. */
  #forms: string[] = [];

  /** Adds a secret. Values shorter than 4 characters are ignored, because hiding them would make every line unreadable. */
  add(value: string): void {
    if (value.length < 4) return;
    this.#forms = [...new Set([...this.#forms, ...formsOf(value)])].toSorted((a, b) => b.length - a.length);
  }

  /** Removes a value that is no longer valid, such as an expired token, so that the registry does not grow for ever. */
  forget(value: string): void {
    const gone = new Set(formsOf(value));
    this.#forms = this.#forms.filter((form) => !gone.has(form));
  }

  /** Replaces every known secret of at least `least` characters in a text. */
  hide(text: string, least = 0): string {
    let hidden = text;
    for (const form of this.#forms) {
      if (form.length < least) break;
      if (form.length > hidden.length) continue; // most texts are short, and comparing lengths is cheaper than searching
      if (hidden.includes(form)) hidden = hidden.replaceAll(form, "[secret]");
    }
    return hidden;
  }
}

/** A structured logger: one JSON object per line, constant messages, data in fields. */
export function createLogger(options: {
  name: string;
  level: string;
  /** stderr, in a process of ours. */
  lines: Pick<Lines, "write">;
  secrets?: SecretRegistry;
}): Logger {
  const { secrets, lines } = options;
  return pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ["authorization", "headers.authorization", "*.authorization", "*.password", "*.clientSecret"],
        censor: "[secret]",
      },
      ...(secrets ? { hooks: { streamWrite: (line: string) => secrets.hide(line) } } : {}),
    },
    lines,
  );
}

/** The log line that says why a process ends. For an unexpected error it has the stack. */
export function fatalLine(name: string, error: unknown, secrets?: SecretRegistry): string {
  const line = JSON.stringify({
    level: 60,
    time: new Date().toISOString(),
    name,
    pid: process.pid,
    code: isCoded(error) ? error.code : "internal",
    msg: errorText(error),
    ...(error instanceof Error && !isCoded(error) ? { stack: error.stack } : {}),
  });
  return `${secrets?.hide(line) ?? line}\n`;
}

/** A logger that writes nothing, for parts that are used without one. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}
