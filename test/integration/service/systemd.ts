import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { eventually } from "../../support/eventually.ts";

const run = promisify(execFile);
const UNITS = resolve(import.meta.dirname, "../../../deploy/systemd");
const ROOT = resolve(import.meta.dirname, "../../..");
/** Where our sources are inside: units hide homes and temporary folders, and a checkout may lie in either. */
const INSIDE = "/usr/local/lib/runner-relay";
const SYSTEMD = "/lib/systemd/systemd";

/** A systemd of its own: processes, mounts, network and cgroups are those of new namespaces, files it changes lie in memory. */
export type Machine = {
  /** Runs a command inside; its output. */
  sh(command: string): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * What runs inside before systemd does. `/etc`, `/var` and `/usr/local` are covered by layers in memory. Mounts must be shared, as on a machine that
 * systemd booted: credentials are mounted by a helper and reach the services by propagation.
 */
const BOOT = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/systemd /run/layers
for d in etc var usr/local; do
  mkdir -p /run/layers/$d/up /run/layers/$d/work
  mount -t overlay overlay -o lowerdir=/$d,upperdir=/run/layers/$d/up,workdir=/run/layers/$d/work /$d
done
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cp -r "$1"/etc "$1"/usr /
mkdir -p ${INSIDE}
mount --bind "$2" ${INSIDE}
systemd-sysusers
ip link set lo up
mount --make-rshared /
exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin container=test SYSTEMD_UNIT_PATH=/etc/systemd/system:"$1"/targets ${SYSTEMD} --system --show-status=0 --log-target=null
`;

/**
 * Starts one with our units, our commands from the sources, and `files` (paths below /etc), or says why that is not possible here.
 */
export async function bootMachine(options: {
  natsServer: string;
  files: Record<string, string>;
}): Promise<Machine | { impossible: string }> {
  const why = obstacle();
  if (why !== undefined) return { impossible: why };
  const folder = await mkdtemp(join(tmpdir(), "rr-systemd-"));
  const cgroup = join(cgroupRoot(), `rr-${folder.slice(-6)}`);
  await mkdir(cgroup);
  await fill(folder, options.files);
  await copyFile(options.natsServer, join(folder, "usr/local/bin/nats-server"));
  await chmod(join(folder, "usr/local/bin/nats-server"), 0o755);
  const boot = `echo $$ > ${cgroup}/cgroup.procs && exec unshare --pid --mount --cgroup --ipc --uts --net --fork --mount-proc --kill-child /bin/sh ${folder}/boot.sh ${folder} '${ROOT}'`;
  const child = spawn("/bin/sh", ["-c", boot], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const sh = async (command: string): Promise<string> => {
    const init = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    const { stdout } = await run("nsenter", ["-t", init, "-a", "/bin/sh", "-c", command], {
      env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" },
    });
    return stdout;
  };
  const end = async (): Promise<void> => {
    await stop(child);
    await eventually(() => removeCgroups(cgroup));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(output);
      if ((await sh("systemctl is-system-running || true")).trim() !== "running") throw new Error("starting");
    });
  } catch (error) {
    await end();
    return { impossible: `systemd does not come up: ${String(error)} ${output}`.slice(0, 300) };
  }
  return { sh, [Symbol.asyncDispose]: end };
}

function obstacle(): string | undefined {
  if (process.platform !== "linux") return "not Linux";
  if (/^\/(?:root|home|tmp|run\/user)\//.test(inside(process.execPath)))
    return "Node lies where the units cannot see it";
  if (process.getuid?.() !== 0) return "not root, who alone may make a machine of namespaces";
  if (!existsSync(SYSTEMD)) return "no systemd here";
  if (!existsSync(join(cgroupRoot(), "cgroup.procs"))) return "no cgroups that can be used";
  return undefined;
}

function inside(path: string): string {
  return path.startsWith(`${ROOT}/`) ? INSIDE + path.slice(ROOT.length) : path;
}

/** Of version 2, alone or beside version 1. */
function cgroupRoot(): string {
  return existsSync("/sys/fs/cgroup/unified/cgroup.procs") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
}

async function fill(folder: string, files: Record<string, string>): Promise<void> {
  const units = join(folder, "etc/systemd/system");
  const targets = join(folder, "targets");
  for (const path of [units, targets, join(folder, "usr/local/bin"), join(folder, "etc/sysusers.d")])
    await mkdir(path, { recursive: true });
  for (const name of ["default", "basic", "sysinit", "shutdown", "network-online", "sockets", "timers"])
    await writeFile(join(targets, `${name}.target`), "[Unit]\nDefaultDependencies=no\n");
  for (const name of await readdir(UNITS)) {
    if (/\.(?:service|socket|timer)$/.test(name)) await copyFile(join(UNITS, name), join(units, name));
    if (!name.endsWith(".service")) continue;
    // there is no journal inside
    await mkdir(join(units, `${name}.d`));
    const log = `append:/run/${name}.log`;
    await writeFile(
      join(units, `${name}.d/log.conf`),
      `[Service]\nStandardOutput=${log}\nStandardError=${log}\n`,
    );
  }
  await copyFile(join(UNITS, "sysusers.conf"), join(folder, "etc/sysusers.d/runner-relay.conf"));
  const command = join(folder, "usr/local/bin/runner-relay");
  await writeFile(command, `#!/bin/sh\nexec ${inside(process.execPath)} ${INSIDE}/src/cli/main.ts "$@"\n`, {
    mode: 0o755,
  });
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text, { mode: path.endsWith(".conf") ? 0o644 : 0o600 });
  }
  await writeFile(join(folder, "boot.sh"), BOOT);
}

/** The kernel ends everything inside with its first process. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function removeCgroups(cgroup: string): Promise<void> {
  for (const entry of await readdir(cgroup, { withFileTypes: true }))
    if (entry.isDirectory()) await removeCgroups(join(cgroup, entry.name));
  if ((await readFile(join(cgroup, "cgroup.procs"), "utf8")) !== "") throw new Error("still in use");
  await rmdir(cgroup);
}
