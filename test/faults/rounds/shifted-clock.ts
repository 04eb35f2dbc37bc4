import { readFileSync } from "node:fs";

// Moves the wall clock of the process that it is loaded into by what a file says: `node --import shifted-clock.ts?FOLDER/FILE MAIN`. Its monotonic clock and its timers go on,
// as they do when a machine's clock is set.

const LOOK_MS = 20;
const file = decodeURIComponent(new URL(import.meta.url).search.slice(1));
const machine = Date.now.bind(Date);
let shift = 0;

function look(): void {
  shift = Number(readFileSync(file, "utf8"));
}

look();
setInterval(look, LOOK_MS).unref();
Date.now = () => machine() + shift;
globalThis.Date = new Proxy(Date, {
  construct: (date, args: unknown[], target) =>
    Reflect.construct(date, args.length === 0 ? [Date.now()] : args, target) as object,
});
