import { registerHooks } from "node:module";

/** A change of one source file, by text. `file` ends the file's path. */
export type Patch = { file: string; find: string; replace: string };

/** Tells what state machines do. The product has no such switch: a line is put in when the source is loaded. */
const WATCHED: readonly Patch[] = [
  {
    file: "/src/shared/base/machine.ts",
    find: "      state = then;\n",
    replace: "      globalThis.simulatedMove?.(state, event, then);\n      state = then;\n",
  },
  {
    file: "/src/relay/lanes/held/carry-out.ts",
    find: "    const [state, effects] = stepHeld(table.get(token), event);\n",
    replace:
      "    const [state, effects] = stepHeld(table.get(token), event);\n    globalThis.simulatedMove?.(table.get(token), event, state);\n",
  },
  {
    file: "/src/relay/lanes/moves.ts",
    find: "    lane.phase = phase;\n",
    replace: "    globalThis.simulatedMove?.(lane.phase, event, phase);\n    lane.phase = phase;\n",
  },
];

/** A state or an event of any machine, as far as it is told here. */
export type Told = { phase?: string; name?: string; on?: string; reason?: string };

declare global {
  var simulatedMove: ((before: Told, event: Told, then: Told) => void) | undefined;
}

/**
 * Puts patches into sources as they are loaded from now on. Throws at the load if a text is not there exactly once: a mutation that does nothing would seem to be
 * harmless.
 */
export function patchSources(patches: readonly Patch[] = []): void {
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const here = [...WATCHED, ...patches].filter(({ file }) => url.endsWith(file));
      if (here.length === 0) return loaded;
      const { source = "" } = loaded;
      let text = typeof source === "string" ? source : Buffer.from(source as Uint8Array).toString();
      for (const { file, find, replace } of here) {
        const parts = text.split(find);
        if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times: ${find}`);
        text = parts.join(replace);
      }
      return { ...loaded, source: text };
    },
  });
}
