import { randomInt } from "node:crypto";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askedToStop } from "../local/processes.ts";
import { loadSettings, type Settings, StartError } from "../local/settings.ts";
import { isFree, startStack } from "../local/stack.ts";

// Tests sign many people up; a password that is hard to guess would cost each a tenth of a second.
process.env.LITE_AUTH_BCRYPT_COST ??= "4";

/** Lends a stack of its own, on free ports and with data of its own that is gone afterwards. */
export async function withFreshStack<T>(work: (settings: Settings) => Promise<T>): Promise<T> {
  const asked = askedToStop();
  return await withFreshSettings(async (settings) => {
    const stopKeeping = keepOutput(logOf(settings));
    const stack = await startStack(settings, console.log);
    const interrupted = asked.then(() => Promise.reject(new StartError("Interrupted.")));
    const worked = Promise.race([work(settings), interrupted]).finally(stack.stop);
    return await worked.finally(stopKeeping);
  });
}

/** What a stack has said so far, for tests that look through it. */
export function logOf({ dataDir }: Settings): string {
  return join(dataDir, "stack.log");
}

/** Writes what this process says to a file as well, until it is told to stop. */
function keepOutput(path: string): () => void {
  const kept = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write;
    stream.write = ((chunk: string | Uint8Array, ...more: []) => {
      appendFileSync(path, chunk);
      return write.call(stream, chunk, ...more);
    }) as typeof write;
    return () => {
      stream.write = write;
    };
  });
  return () => {
    for (const restore of kept) restore();
  };
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
