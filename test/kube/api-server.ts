import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/cli/up/free-port.ts";
import { eventually } from "../support/eventually.ts";
import { ETCD, KUBE_APISERVER, KUBECTL, programOf } from "./programs.ts";

/** A real API server with a real store, without nodes and controllers: it checks, keeps and answers. */
export type ApiServer = {
  /** Its address, and the issuer of tokens of service accounts. */
  issuer: string;
  /** PEM file of the authority that its certificate comes from. */
  authority: string;
  /** The key that signs them, PEM. */
  signingKey: string;
  /** Runs `kubectl`; what it says on both of its outputs, and how it ended. */
  kubectl(args: readonly string[], input?: string): { ok: boolean; said: string };
  stop(): Promise<void>;
};

/** Limit for its start, which takes ten seconds of processor time. */
const START_MS = 150_000;

/** Starts one on loopback. */
export async function startApiServer(): Promise<ApiServer> {
  const folder = mkdtempSync(join(tmpdir(), "rr-kube-"));
  const at = (file: string): string => join(folder, file);
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  openssl("genrsa", "-out", at("sa.key"), "2048");
  openssl("rsa", "-in", at("sa.key"), "-pubout", "-out", at("sa.pub"));
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=kube-apiserver",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-keyout",
    at("tls.key"),
    "-out",
    at("tls.crt"),
  );
  const token = randomBytes(16).toString("hex");
  writeFileSync(at("tokens.csv"), `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
  const url = `https://127.0.0.1:${port}`;
  writeFileSync(at("kubeconfig"), configOf(url, at("tls.crt"), token), { mode: 0o600 });

  const store = start(programOf(ETCD), at("etcd.log"), {
    "data-dir": at("etcd"),
    "listen-client-urls": `http://127.0.0.1:${client}`,
    "advertise-client-urls": `http://127.0.0.1:${client}`,
    "listen-peer-urls": `http://127.0.0.1:${peer}`,
    "initial-advertise-peer-urls": `http://127.0.0.1:${peer}`,
    "initial-cluster": `default=http://127.0.0.1:${peer}`,
    "unsafe-no-fsync": "true",
  });
  const server = start(programOf(KUBE_APISERVER), at("server.log"), {
    "etcd-servers": `http://127.0.0.1:${client}`,
    "bind-address": "127.0.0.1",
    "advertise-address": "127.0.0.1",
    "secure-port": String(port),
    "tls-cert-file": at("tls.crt"),
    "tls-private-key-file": at("tls.key"),
    "service-account-key-file": at("sa.pub"),
    "service-account-signing-key-file": at("sa.key"),
    "service-account-issuer": url,
    "api-audiences": url,
    "token-auth-file": at("tokens.csv"),
    "authorization-mode": "RBAC",
    "service-cluster-ip-range": "10.0.0.0/24",
    "endpoint-reconciler-type": "none",
    "disable-admission-plugins": "ServiceAccount", // there is no controller that makes the accounts of namespaces
  });
  const kubectl = (args: readonly string[], input = ""): { ok: boolean; said: string } => {
    const env = { PATH: process.env["PATH"], HOME: folder, KUBECONFIG: at("kubeconfig") };
    const { status, stdout, stderr } = spawnSync(programOf(KUBECTL), args, {
      env,
      input,
      encoding: "utf8",
      maxBuffer: 16 * 1024 * 1024,
    });
    return { ok: status === 0, said: `${stdout}${stderr}` };
  };
  const running: ApiServer = {
    issuer: url,
    authority: at("tls.crt"),
    signingKey: readFileSync(at("sa.key"), "utf8"),
    kubectl,
    async stop() {
      await end(server);
      await end(store);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    const check = (): void => {
      if (server.exitCode !== null) throw new Error(readFileSync(at("server.log"), "utf8").slice(-2000));
      const { ok, said } = kubectl(["get", "--raw", "/readyz"]);
      if (!ok) throw new Error(said);
    };
    await eventually(check, 250, START_MS);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: "ignore" });
}

function start(file: string, log: string, flags: Readonly<Record<string, string>>): ChildProcess {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const output = openSync(log, "w", 0o600);
  return spawn(file, args, { env: { PATH: process.env["PATH"] }, stdio: ["ignore", output, output] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL"); // nothing of it is kept
  await gone;
}

function configOf(server: string, authority: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority": authority } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  });
}
