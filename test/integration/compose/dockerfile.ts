import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a container made from the image begins with. */
export type Image = {
  /** Folder that stands for the image's `/`. */
  root: string;
  workdir: string;
  env: Record<string, string>;
  entrypoint: string[];
  cmd: string[];
  user: string;
};

type Step = { op: string; text: string };
type Stage = { from: string; name: string; steps: Step[] };

/** Stages of a Dockerfile. Pure; as much of the format as ours uses, and an error for the rest. */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of text.replaceAll(/^\s*#.*\n/gm, "").split("\n")) {
    if (line.trim() === "") continue;
    const { op = "", rest = "" } = /^(?<op>[A-Z]+)\s+(?<rest>.*\S)\s*$/.exec(line)?.groups ?? {};
    if (op === "FROM") {
      const [from = "", , name = String(stages.length)] = rest.split(/\s+/);
      stages.push({ from, name, steps: [] });
    } else if (["WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD"].includes(op)) {
      stages.at(-1)?.steps.push({ op, text: rest });
    } else throw new Error(`not understood: ${line}`);
  }
  return stages;
}

/**
 * Does what an engine would do, in folders below `folder` instead of images: copies files, runs every `RUN` with the stage's environment.
 * `base` is what the base image brings (`PATH` with its node).
 */
export async function buildImage(options: {
  dockerfile: string;
  context: string;
  /** Whether `.dockerignore` lets a source of the context in. */
  admits: (source: string) => boolean;
  folder: string;
  base: Record<string, string>;
}): Promise<Image> {
  const built = new Map<string, Image>();
  let last: Image | undefined;
  for (const stage of parseDockerfile(options.dockerfile)) {
    const root = join(options.folder, `stage-${stage.name}`);
    last = { root, workdir: "/", env: {}, entrypoint: [], cmd: [], user: "root" };
    await mkdir(root, { recursive: true });
    for (const step of stage.steps) await carryOut(step, last, built, options);
    built.set(stage.name, last);
  }
  if (last === undefined) throw new Error("no stage");
  return last;
}

async function carryOut(
  { op, text }: Step,
  image: Image,
  built: ReadonlyMap<string, Image>,
  options: { context: string; admits: (source: string) => boolean; base: Record<string, string> },
): Promise<void> {
  switch (op) {
    case "WORKDIR":
      image.workdir = text;
      await mkdir(join(image.root, text), { recursive: true });
      return;
    case "ENV":
      for (const [, name = "", quoted, bare] of text.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g))
        image.env[name] = quoted ?? bare ?? "";
      return;
    case "RUN":
      await run("/bin/sh", ["-c", text], {
        cwd: join(image.root, image.workdir),
        env: { ...options.base, ...image.env },
        maxBuffer: 16 * 1024 * 1024,
      });
      return;
    case "COPY":
      return copy(text, image, built, options);
    case "USER":
      image.user = text;
      return;
    case "ENTRYPOINT":
      image.entrypoint = JSON.parse(text) as string[];
      return;
    case "CMD":
      image.cmd = JSON.parse(text) as string[];
  }
}

async function copy(
  text: string,
  image: Image,
  built: ReadonlyMap<string, Image>,
  options: { context: string; admits: (source: string) => boolean },
): Promise<void> {
  const words = text.split(/\s+/).filter((word) => !word.startsWith("--chown=")); // there are no users here
  const from = words[0]?.startsWith("--from=") ? words.shift()?.slice("--from=".length) : undefined;
  const target = words.pop() ?? "";
  for (const source of words) {
    const other = from === undefined ? undefined : built.get(from);
    if (other === undefined && !options.admits(source)) throw new Error(`.dockerignore hides ${source}`);
    const folder = other?.root ?? options.context;
    const to = join(
      image.root,
      image.workdir,
      target.endsWith("/") ? join(target, basename(source)) : target,
    );
    await mkdir(dirname(to), { recursive: true });
    await run("cp", ["-aT", join(folder, source), to]); // Node's own takes many times as long for ten thousand files
  }
}
