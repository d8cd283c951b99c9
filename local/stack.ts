import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStripe } from "../tests/stripe-double/server.ts";
import { startGateway } from "./gateway.ts";
import { startHttpQueue } from "./http-queue.ts";
import { startMailbox } from "./mailbox.ts";
import { startPostgres } from "./postgres.ts";
import { askedToStop, claimFolder, endLeftovers } from "./processes.ts";
import { startScheduler } from "./scheduler.ts";
import { loadSettings, type Part, type Settings, StartError } from "./settings.ts";
import { seedBuckets } from "./storage-buckets.ts";
import { startStudio } from "./studio.ts";
import { applyMigrations } from "./supabase.ts";

/** A running platform; `ended` comes true when its database ended by itself, with the reason. */
export type Stack = Part & { ended: Promise<StartError> };

/** Starts every part of the platform, telling what it does; stops them all when one fails. */
export async function startStack(settings: Settings, say: (line: string) => void): Promise<Stack> {
  const folder = claimFolder(settings);
  const parts: Part[] = [];
  const stop = async () => {
    // The database last, since the others still write to it; all of them, whatever one says.
    for (const part of parts.splice(0).reverse()) await part.stop().catch(console.error);
    folder.release();
  };
  /** Starts parts side by side. None is left running unnoticed when another one fails. */
  const start = async (...starting: Promise<Part>[]) => {
    const outcomes = await Promise.allSettled(starting);
    for (const outcome of outcomes) if (outcome.status === "fulfilled") parts.push(outcome.value);
    await Promise.all(starting);
  };
  try {
    await endLeftovers(settings);
    await checkPorts(settings);
    say("Starting the database");
    const database = startPostgres(settings);
    await start(database, startMailbox(settings), startStripe(settings));
    say("Applying migrations, seed and buckets");
    const [changed] = await Promise.all([applyMigrations(settings), seedBuckets(settings)]);
    for (const file of changed) {
      say(`supabase/${file} has changed since it was applied here: \`npm run reset\` applies it.`);
    }
    say("Starting the API, the functions and the table editor");
    await start(startGateway(settings), startStudio(settings));
    await start(startScheduler(settings), startHttpQueue(settings));
    folder.ready();
    return { stop, ended: (await database).ended };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Lends a stack of its own, on free ports and with data of its own that is gone afterwards. */
export async function withFreshStack<T>(
  say: (line: string) => void,
  work: (settings: Settings) => Promise<T>,
): Promise<T> {
  const asked = askedToStop();
  const dataDir = mkdtempSync(join(tmpdir(), "djanobnb-"));
  try {
    const settings = loadSettings({ port: await findFreePorts(), dataDir, readDotEnv: false });
    const stack = await startStack(settings, say);
    const interrupted = asked.then(() => Promise.reject(new StartError("Interrupted.")));
    return await Promise.race([work(settings), interrupted]).finally(stack.stop);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

/** Names the port that somebody else listens on, before anything is started. */
async function checkPorts({ ports }: Settings): Promise<void> {
  for (const [name, port] of Object.entries(ports)) {
    if (await isFree(port)) continue;
    throw new StartError(
      `Port ${port} (${name}) is in use: end what listens there, or give the first of six ` +
        "free ports, as in `npm start -- --port 55321`.",
    );
  }
}

/** Six free ports in a row, below those that the system hands out to outgoing connections. */
async function findFreePorts(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const row = await Promise.all([0, 1, 2, 3, 4, 5].map((offset) => isFree(port + offset)));
    if (!row.includes(false)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}
