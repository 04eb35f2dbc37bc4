import { cpSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  createStoreWatch,
  isStillThere,
  lossText,
  type StoreWatch,
} from "../../../src/embedded/store-watch.ts";

const STREAMS = ["A", "B"];

async function makeStore(): Promise<{ root: string; data: string; streams: string; watch: StoreWatch }> {
  const root = await mkdtemp(join(tmpdir(), "rr-watch-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const data = join(root, "data");
  const streams = join(data, "broker/store/jetstream/$G/streams");
  for (const stream of STREAMS) {
    mkdirSync(join(streams, stream, "msgs"), { recursive: true });
    writeFileSync(join(streams, stream, "msgs/1.blk"), "m");
  }
  const watch = createStoreWatch(data, STREAMS);
  onTestFinished(() => watch.close());
  return { root, data, streams, watch };
}

type Made = Awaited<ReturnType<typeof makeStore>>;

describe("what becomes of the folders of a broker that runs", () => {
  test.each<[string, (made: Made) => void, object]>([
    [
      "the data folder is removed",
      ({ data }) => rmSync(data, { recursive: true }),
      { how: "removed", path: "" },
    ],
    [
      "it is moved away",
      ({ root, data }) => renameSync(data, join(root, "other")),
      { how: "moved", path: "" },
    ],
    [
      "it is replaced by a copy",
      ({ root, data }) => {
        renameSync(data, join(root, "other"));
        cpSync(join(root, "other"), data, { recursive: true });
      },
      { how: "replaced", path: "" },
    ],
    [
      "it is removed and made anew",
      ({ data, streams }) => {
        rmSync(data, { recursive: true });
        mkdirSync(streams, { recursive: true });
      },
      { how: "replaced", path: "" },
    ],
    [
      "only the store is removed",
      ({ data }) => rmSync(join(data, "broker/store"), { recursive: true }),
      { how: "removed", path: "/broker/store" },
    ],
    [
      "only one stream is removed",
      ({ streams }) => rmSync(join(streams, "B"), { recursive: true }),
      { how: "removed", path: "/broker/store/jetstream/$G/streams/B", stream: "B" },
    ],
    [
      "it becomes a link to where it was moved",
      ({ root, data }) => {
        renameSync(data, join(root, "other"));
        symlinkSync(join(root, "other"), data);
      },
      {},
    ],
  ])("%s", async (_, change, expected) => {
    const made = await makeStore();
    expect(made.watch.look()).toBeUndefined();
    expect(made.watch.look()).toBeUndefined();
    change(made);
    const loss = made.watch.look();
    if (Object.keys(expected).length === 0) {
      expect(loss).toBeUndefined(); // the same files by the same path
      return;
    }
    expect(loss && { ...loss, path: loss.path.slice(made.data.length) }).toMatchObject(expected);
    expect(lossText(loss!)).toContain(loss?.path);
  });

  test("its place is known as long as it exists", async () => {
    const { root, data, watch } = await makeStore();
    watch.look();
    const other = join(root, "other");
    renameSync(data, other);
    const moved = watch.look();
    expect(moved).toMatchObject({ how: "moved" });
    if (process.platform === "linux") expect(moved).toMatchObject({ to: other });
    expect(isStillThere(moved!)).toBe(true);
    rmSync(other, { recursive: true });
    expect(isStillThere(watch.look()!)).toBe(false);
  });

  test("messages that are gone are noticed at the second look: a purge takes them away for a moment", async () => {
    const { streams, watch } = await makeStore();
    watch.look();
    const messages = join(streams, "A/msgs");
    rmSync(messages, { recursive: true });
    expect(watch.look()).toBeUndefined();
    mkdirSync(messages);
    writeFileSync(join(messages, "9.blk"), "");
    expect(watch.look()).toBeUndefined();
    rmSync(join(messages, "9.blk"));
    expect(watch.look()).toBeUndefined();
    expect(watch.look()).toMatchObject({ how: "emptied", stream: "A" });
  });

  test("what comes later is learnt, and what the broker deleted itself is forgotten", async () => {
    const { streams, watch } = await makeStore();
    rmSync(join(streams, "B"), { recursive: true });
    expect(watch.look()).toBeUndefined();
    mkdirSync(join(streams, "B"));
    expect(watch.look()).toBeUndefined();
    rmSync(join(streams, "B"), { recursive: true });
    expect(watch.look()).toMatchObject({ stream: "B" });
    watch.forget("B");
    expect(watch.look()).toBeUndefined();
  });

  test.each([
    ["EACCES", undefined],
    ["ENOENT", "moved"],
    ["ESTALE", "moved"],
  ])("a path that answers %s", async (code, how) => {
    const { data } = await makeStore();
    let failure: Error | undefined;
    const watch = createStoreWatch(data, STREAMS, (path) => {
      if (failure !== undefined) throw failure;
      return statSync(path);
    });
    onTestFinished(() => watch.close());
    watch.look();
    failure = Object.assign(new Error(code), { code });
    expect(watch.look()?.how).toBe(how);
  });
});
