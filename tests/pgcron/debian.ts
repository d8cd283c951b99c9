import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import postgres from "postgres";
import type { Part, Settings } from "../../local/settings.ts";

const version = "15";
const system = { lib: `/usr/lib/postgresql/${version}`, share: `/usr/share/postgresql/${version}` };
const packages = ["cron", "pgtap", "plpgsql-check"].map((name) => `postgresql-${version}-${name}`);

/** What the server is told at each start. Its data is worth nothing: no disk is waited for. */
const serverOptions = [
  ...["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_worker_processes=40"],
  ...["fsync=off", "full_page_writes=off", "jit=off", "timezone=UTC", "log_timezone=UTC"],
  ...["shared_preload_libraries=pg_cron", "cron.database_name=postgres"],
  "cron.use_background_workers=on",
].map((option) => `--${option}`);

/** Sees to it that Debian's packages are there; says why not when they cannot be had here. */
export async function findPackages(): Promise<string | undefined> {
  if (areInstalled()) return undefined;
  const names = packages.join(", ");
  if (process.getuid?.() !== 0 || !fs.existsSync("/usr/bin/apt-get")) {
    return `${names} are not installed, and only root with apt can install them.`;
  }
  console.log(`Installing ${names}`);
  try {
    await apt("update", "-q");
    await promisify(execFile)("apt-cache", ["show", ...packages]);
    await apt("install", "-qy", "--no-install-recommends", ...packages);
    return undefined;
  } catch (error) {
    // Another system, or no network.
    const { stderr, message } = error as { stderr?: string; message: string };
    return `${names} could not be installed.\n${(stderr || message).trim()}`;
  }
}

/** Does not wait long for servers that do not answer. */
async function apt(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const patience = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"];
  await promisify(execFile)("apt-get", [...patience, ...args], { env, maxBuffer: 64 << 20 });
}

function areInstalled(): boolean {
  const files = [
    ...["bin/postgres", "lib/pg_cron.so", "lib/plpgsql_check.so"].map((f) => join(system.lib, f)),
    join(system.share, "extension", "pgtap.control"),
  ];
  return files.every((file) => fs.existsSync(file));
}

/**
 * A cluster in the data folder, with a server of its own: a copy of the programs finds its
 * extensions beside itself, so that those which Debian lacks need not go into the system's folder.
 */
export async function makeCluster({ root, dataDir, keys }: Settings): Promise<void> {
  const { bin, lib, share, cluster } = placesIn(dataDir);
  fs.mkdirSync(bin, { recursive: true });
  for (const name of ["postgres", "initdb"]) {
    fs.copyFileSync(join(system.lib, "bin", name), join(bin, name));
  }
  fs.symlinkSync(join(system.lib, "lib"), lib);
  fs.cpSync(system.share, share, {
    recursive: true,
    filter: (path) => path !== join(system.share, "man"),
  });
  for (const file of fs.globSync("{pg_net,supabase_vault}*", {
    cwd: join(root, "local/extensions"),
  })) {
    fs.copyFileSync(join(root, "local/extensions", file), join(share, "extension", file));
  }

  const passwordFile = join(dataDir, "password");
  fs.writeFileSync(passwordFile, keys.databasePassword);
  fs.mkdirSync(cluster, { mode: 0o700 });
  if (process.getuid?.() === 0) {
    fs.chmodSync(dataDir, 0o711);
    fs.chownSync(cluster, ...postgresUser());
    fs.chownSync(passwordFile, ...postgresUser());
  }
  const [command, args] = unprivileged(join(bin, "initdb"), [
    ...["-D", cluster, "-U", "supabase_admin", `--pwfile=${passwordFile}`],
    ...["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
    ...["--locale-provider=icu", "--icu-locale=en-US"],
  ]);
  await promisify(execFile)(command, args);
}

/** Starts the cluster's server and waits until it answers. */
export async function startServer({ dataDir, ports, adminDatabaseUrl }: Settings): Promise<Part> {
  const { bin, cluster } = placesIn(dataDir);
  const logFile = join(dataDir, "postgres.log");
  const log = fs.openSync(logFile, "a");
  const args = ["-D", cluster, "-p", String(ports.database), ...serverOptions];
  const [command, argv] = unprivileged(join(bin, "postgres"), args);
  const server = spawn(command, argv, { stdio: ["ignore", log, log] });
  fs.closeSync(log);
  const ended = once(server, "exit");
  const sql = postgres(adminDatabaseUrl, { max: 1, backoff: () => 0.02 });
  while (!(await sql`select 1`.catch(() => undefined))) {
    if (server.exitCode !== null) throw new Error(fs.readFileSync(logFile, "utf8"));
    await wait(20);
  }
  await sql.end();
  return {
    async stop() {
      server.kill("SIGINT");
      await ended;
    },
  };
}

/** The same places from one another as in Debian's packages, since the programs go by that. */
function placesIn(dataDir: string) {
  const lib = join(dataDir, "server/lib/postgresql", version);
  return {
    bin: join(lib, "bin"),
    lib: join(lib, "lib"),
    share: join(dataDir, "server/share/postgresql", version),
    cluster: join(dataDir, "cluster"),
  };
}

/** PostgreSQL refuses to run as root: for root it runs as the user of Debian's packages. */
function unprivileged(command: string, args: string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, args];
  const [uid, gid] = postgresUser();
  return ["setpriv", [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", command, ...args]];
}

function postgresUser(): [number, number] {
  const id = (which: string) => Number(execFileSync("id", [which, "postgres"]));
  return [id("-u"), id("-g")];
}
