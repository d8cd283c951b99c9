import { fork } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askedToStop } from "../local/processes.ts";
import { loadSettings, type Settings, StartError } from "../local/settings.ts";
import { isFree, startStack } from "../local/stack.ts";

// Tests sign many people up; a password that is hard to guess would cost each a tenth of a second.
process.env.LITE_AUTH_BCRYPT_COST ??= "4";

/**
 * Lends a stack of its own, on free ports and with data of its own that is gone afterwards. It runs
 * in a process apart: what is tested and measured does not wait for who does so, and what the stack
 * says is in a log of its own.
 */
export async function withFreshStack<T>(
  work: (settings: Settings, pid: number) => Promise<T>,
): Promise<T> {
  const asked = askedToStop();
  return await withFreshSettings(async (settings) => {
    const { ports, dataDir } = settings;
    const log = openSync(logOf(settings), "w");
    const stack = fork(import.meta.filename, [String(ports.api), dataDir], {
      execArgv: [],
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    const ended = once(stack, "exit");
    const broken = Promise.race([
      ended.then(
        () => `The stack has ended:\n${readFileSync(logOf(settings), "utf8").slice(-5000)}`,
      ),
      asked.then(() => "Interrupted."),
    ]).then((reason) => Promise.reject(new StartError(reason)));
    try {
      await Promise.race([once(stack, "message"), broken]);
      return await Promise.race([work(settings, stack.pid!), broken]);
    } finally {
      if (stack.connected) stack.disconnect();
      await ended;
    }
  });
}

/** What a stack has said so far. */
export function logOf({ dataDir }: Settings): string {
  return join(dataDir, "stack.log");
}

/** Lends free ports and a folder that is gone afterwards. */
export async function withFreshSettings<T>(work: (settings: Settings) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), "djanobnb-"));
  try {
    return await work(loadSettings({ port: await findFreePorts(), dataDir, readDotEnv: false }));
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

/** Six free ports in a row, below those that the system hands out to outgoing connections. */
export async function findFreePorts(): Promise<number> {
  const port = randomInt(10_000, 32_000);
  const row = await Promise.all([0, 1, 2, 3, 4, 5].map((offset) => isFree(port + offset)));
  return row.includes(false) ? findFreePorts() : port;
}

/** The process apart: runs the stack for as long as who lends it is there. */
async function runStack(port: number, dataDir: string): Promise<void> {
  // A connection that breaks while the stack stops is no reason to leave the rest standing about.
  process.on("unhandledRejection", console.error);
  // Who lends it decides when it stops, also when Ctrl-C reaches both.
  void askedToStop();
  const left = once(process, "disconnect");
  const stack = await startStack(loadSettings({ port, dataDir, readDotEnv: false }), console.log);
  if (process.connected) process.send!("ready");
  await left;
  await stack.stop();
  process.exit();
}

if (import.meta.main) await runStack(Number(process.argv[2]), process.argv[3]!);
