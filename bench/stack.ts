import { fork } from "node:child_process";
import { once } from "node:events";
import { loadSettings, type Settings } from "../local/settings.ts";
import { withFreshStack } from "../tests/stack.ts";

/**
 * Lends a fresh stack that runs in a process of its own, so that what is measured does not wait for
 * who measures. Its data are gone afterwards.
 */
export async function withStackApart<T>(
  work: (settings: Settings, pid: number) => Promise<T>,
): Promise<T> {
  const child = fork(import.meta.filename, ["stack"], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  try {
    const ended = once(child, "exit").then(() => Promise.reject(new Error("The stack has ended.")));
    const [options] = await Promise.race([once(child, "message"), ended]);
    return await Promise.race([work(loadSettings(options), child.pid!), ended]);
  } finally {
    const isAlive = child.exitCode === null && child.signalCode === null;
    const ended = isAlive && once(child, "exit");
    if (child.connected) child.disconnect();
    await ended;
  }
}

if (process.argv[2] === "stack" && process.send) {
  // A connection that breaks while it stops is no reason to leave the rest standing about.
  process.on("unhandledRejection", console.error);
  // Who asked may be gone before it runs.
  const left = once(process, "disconnect");
  await withFreshStack(async ({ ports, dataDir }) => {
    if (process.connected) process.send!({ port: ports.api, dataDir, readDotEnv: false });
    await left;
  });
  // Whatever still tries to reach the database again does so in vain.
  process.exit();
}
