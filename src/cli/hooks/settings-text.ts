import { isDeepStrictEqual } from "node:util";
import {
  applyEdits,
  findNodeAtLocation,
  modify,
  parse,
  parseTree,
  type FormattingOptions,
  type JSONPath,
  type ParseError,
} from "jsonc-parser";
import type { Hook, HookedAgent } from "./agents.ts";

// Only `hooks` is edited, as text, so that everything beside it stays as its owner wrote it. In it other hooks stay too, though their lines may be laid out anew.

/** A list of hooks that an agent runs at one of its events. */
type Group = { hooks: unknown[] };
type Own = Pick<HookedAgent, "isOurs">;
type Place = { event: string; at: number; group: Group };

/** The object in a text; undefined if the text is something else. An empty text counts as an empty object. Pure. */
export function settingsIn(text: string): Record<string, unknown> | undefined {
  if (text.trim() === "") return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  return errors.length === 0 && isObject(value) ? value : undefined;
}

/** The events of which the text has our hooks, and what each of our hooks is. Pure. */
export function ourHooks(text: string, agent: Own): { event: string; hook: Hook }[] {
  return placesIn(text).flatMap(({ event, group }) =>
    group.hooks.filter((hook) => isOwn(hook, agent)).map((hook) => ({ event, hook })),
  );
}

/** Why hooks cannot be put into a text: undefined if they can. Pure. */
export function hooksProblem(text: string): string | undefined {
  const { hooks } = settingsIn(text) ?? {};
  if (hooks === undefined) return undefined;
  if (!isObject(hooks)) return "`hooks` is no object";
  const odd = Object.keys(hooks).find((event) => !Array.isArray(hooks[event]));
  return odd === undefined ? undefined : `\`hooks.${odd}\` is no list`;
}

/** The text with our hook at each event, behind all others. Pure. Throws if the text has forms in which an edit goes wrong, such as a name that is there twice. */
export function withHooks(text: string, agent: Own, hooks: ReadonlyMap<string, Hook>): string {
  const start = withoutHooks(text.trim() === "" ? "{}\n" : text, agent);
  let now = start;
  for (const [event, hook] of hooks) {
    const list = listAt(now, event);
    const group = { hooks: [hook] };
    now =
      list === undefined
        ? edited(now, ["hooks", event], [group])
        : edited(now, ["hooks", event, list.length], group, true);
  }
  const wanted = [...hooks].map(([event, hook]) => ({ event, hook }));
  const isThere = isDeepStrictEqual(new Set(ourHooks(now, agent)), new Set(wanted));
  if (!isThere || !isDeepStrictEqual(settingsIn(withoutHooks(now, agent)), settingsIn(start)))
    throw new Error("the file has a form that cannot be edited without harm");
  return now;
}

/** The text without our hooks, and without the lists that they leave empty. Pure. Throws like the above. */
export function withoutHooks(text: string, agent: Own): string {
  let now = text;
  for (const { event, at, group } of placesIn(text).toReversed()) {
    const own = group.hooks.flatMap((hook, index) => (isOwn(hook, agent) ? [index] : []));
    if (own.length === 0) continue;
    if (own.length < group.hooks.length)
      for (const index of own.toReversed()) now = withoutItem(now, ["hooks", event, at, "hooks", index]);
    else if ((listAt(now, event)?.length ?? 0) > 1) now = withoutItem(now, ["hooks", event, at]);
    else now = edited(now, ["hooks", event], undefined);
    const { hooks } = settingsIn(now) ?? {};
    if (isObject(hooks) && Object.keys(hooks).length === 0) now = edited(now, ["hooks"], undefined);
  }
  if (ourHooks(now, agent).length > 0 || settingsIn(now) === undefined)
    throw new Error("the file has a form that cannot be edited without harm");
  return now;
}

function isOwn(hook: unknown, agent: Own): hook is Hook {
  return isObject(hook) && agent.isOurs(hook);
}

function placesIn(text: string): Place[] {
  const { hooks } = settingsIn(text) ?? {};
  if (!isObject(hooks)) return [];
  return Object.entries(hooks).flatMap(([event, list]) =>
    (Array.isArray(list) ? list : []).flatMap((group: unknown, at) =>
      isObject(group) && Array.isArray(group["hooks"])
        ? [{ event, at, group: { hooks: group["hooks"] } }]
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

/** Takes an item out of a list with others. The library takes a bracket with the last one, if the list stands on one line. */
function withoutItem(text: string, path: JSONPath): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const node = tree && findNodeAtLocation(tree, path);
  const items = node?.parent?.children ?? [];
  if (node === undefined) return text;
  const at = items.indexOf(node);
  const [before, after] = [items[at - 1], items[at + 1]];
  const from = before === undefined ? node.offset : before.offset + before.length;
  const to = before === undefined && after !== undefined ? after.offset : node.offset + node.length;
  return text.slice(0, from) + text.slice(to);
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
