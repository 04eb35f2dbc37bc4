import { pino, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

/**
 * Secrets that this process knows. Every log line is searched for them just before it is written (CRED-1), because a secret can
 * come back inside a foreign error's text, where no field name gives it away.
 */
export class SecretRegistry {
  /** The longest first: a secret may be the beginning of another one. */
  #forms: string[] = [];

  /** Remembers a secret. Values shorter than 4 characters are ignored: hiding them would shred every line. */
  add(value: string): void {
    if (value.length < 4) return;
    this.#forms = [...new Set([...this.#forms, ...formsOf(value)])].toSorted((a, b) => b.length - a.length);
  }

  /** Ends the hiding of a value that has no worth any more, such as an expired token, so that the registry does not grow for ever. */
  forget(value: string): void {
    const gone = new Set(formsOf(value));
    this.#forms = this.#forms.filter((form) => !gone.has(form));
  }

  /** The text with every known secret replaced. */
  hide(text: string): string {
    let hidden = text;
    for (const form of this.#forms) {
      if (hidden.includes(form)) hidden = hidden.replaceAll(form, "[secret]");
    }
    return hidden;
  }
}

/** A secret as it is, inside JSON, inside JSON that is a text inside JSON (a foreign error's body), inside a URL and inside a form. */
function formsOf(value: string): string[] {
  const escaped = JSON.stringify(value).slice(1, -1);
  const url = encodeURIComponent(value.toWellFormed());
  return [value, escaped, JSON.stringify(escaped).slice(1, -1), url, url.replaceAll("%20", "+")];
}

/** Structured logger on stderr: one JSON object a line, constant messages, data in fields. */
export function createLogger(options: { name: string; level: string; secrets?: SecretRegistry }): Logger {
  const { secrets } = options;
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
    pino.destination({ dest: 2, sync: true }),
  );
}

/** A logger that writes nothing, for parts that are used without one. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}
