import {
  applyEdits,
  modify,
  parse,
  type FormattingOptions,
  type JSONPath,
  type ParseError,
} from "jsonc-parser";
import type { Hook, HookedAgent } from "./agents.ts";

// Only `hooks` is edited, as text, so that everything beside it stays as its owner wrote it. In it other hooks stay too, though their lines may be laid out anew.

/** A list of hooks that an agent runs at one of its events. */
type Group = { hooks: Hook[] };
type Place = { event: string; at: number; group: Group };

/** The object in a text; undefined if the text is something else. An empty text counts as an empty object. Pure. */
export function settingsIn(text: string): Record<string, unknown> | undefined {
  if (text.trim() === "") return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  return errors.length === 0 && isObject(value) ? value : undefined;
}

/** The events of which the text has our hooks, and what each of our hooks is. Pure. */
export function ourHooks(text: string, agent: HookedAgent): { event: string; hook: Hook }[] {
  return placesIn(text).flatMap(({ event, group }) =>
    group.hooks.filter(agent.isOurs).map((hook) => ({ event, hook })),
  );
}

/** The text with a hook of ours at each of the agent's events, behind all others. Pure. */
export function withHooks(text: string, agent: HookedAgent, hook: Hook): string {
  const start = withoutHooks(text.trim() === "" ? "{}\n" : text, agent);
  return agent.events.reduce((now, event) => {
    const list = listAt(now, event);
    const group = { hooks: [hook] };
    return list === undefined
      ? edited(now, ["hooks", event], [group])
      : edited(now, ["hooks", event, list.length], group, true);
  }, start);
}

/** The text without our hooks, and without the lists that they leave empty. Pure. */
export function withoutHooks(text: string, agent: HookedAgent): string {
  let now = text;
  for (const { event, at, group } of placesIn(text).toReversed()) {
    const others = group.hooks.filter((hook) => !agent.isOurs(hook));
    if (others.length === group.hooks.length) continue;
    now =
      others.length > 0
        ? edited(now, ["hooks", event, at, "hooks"], others)
        : edited(now, ["hooks", event, at], undefined);
    if (listAt(now, event)?.length === 0) now = edited(now, ["hooks", event], undefined);
    const { hooks } = settingsIn(now) ?? {};
    if (isObject(hooks) && Object.keys(hooks).length === 0) now = edited(now, ["hooks"], undefined);
  }
  return now;
}

function placesIn(text: string): Place[] {
  const { hooks } = settingsIn(text) ?? {};
  if (!isObject(hooks)) return [];
  return Object.entries(hooks).flatMap(([event, list]) =>
    (Array.isArray(list) ? list : []).flatMap((group: unknown, at) =>
      isObject(group) && Array.isArray(group["hooks"])
        ? [{ event, at, group: { hooks: group["hooks"].filter(isObject) } }]
        : [],
    ),
  );
}

function listAt(text: string, event: string): unknown[] | undefined {
  const { hooks } = settingsIn(text) ?? {};
  const list = isObject(hooks) ? hooks[event] : undefined;
  return Array.isArray(list) ? list : undefined;
}

function edited(text: string, path: JSONPath, value: unknown, isInsertion = false): string {
  const formattingOptions = formatOf(text);
  return applyEdits(text, modify(text, path, value, { formattingOptions, isArrayInsertion: isInsertion }));
}

/** As the file is indented already. */
function formatOf(text: string): FormattingOptions {
  const indent = /^([\t ]+)\S/m.exec(text)?.[1] ?? "  ";
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  return indent.startsWith("\t")
    ? { insertSpaces: false, tabSize: 1, eol }
    : { insertSpaces: true, tabSize: indent.length, eol };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
