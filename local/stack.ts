import { once } from "node:events";
import { createServer } from "node:net";
import { startStripe } from "../tests/stripe-double/server.ts";
import { startExtensions } from "./extensions.ts";
import { startGateway } from "./gateway.ts";
import { startMailbox } from "./mailbox.ts";
import { startPostgres } from "./postgres.ts";
import { claimFolder, endLeftovers } from "./processes.ts";
import { type Part, type Settings, StartError, typed } from "./settings.ts";
import { seedBuckets } from "./storage-buckets.ts";
import { applyMigrations } from "./supabase.ts";

/** Starts every part of the platform, telling what it does; stops them all when one fails or at the signal. */
export async function startStack(
  settings: Settings,
  say: (line: string) => void,
  signal?: AbortSignal,
) {
  // What was started last stops first, the database after all that write to it.
  await using parts = new AsyncDisposableStack();
  /** Starts parts side by side. None is left running unnoticed when another one fails. */
  const start = async (...starting: Promise<Part>[]) => {
    const keep = (part: Part) => parts.defer(() => part.stop().catch(console.error));
    await Promise.allSettled(starting.map((part) => part.then(keep)));
    await Promise.all(starting);
    signal?.throwIfAborted();
  };
  const folder = claimFolder(settings);
  parts.defer(folder.release);
  await endLeftovers(settings);
  await checkPorts(settings);
  say("Starting the database");
  const database = startPostgres(settings);
  await start(database, startMailbox(settings), startStripe(settings));
  say("Applying migrations, seed and buckets");
  const [changed] = await Promise.all([applyMigrations(settings), seedBuckets(settings)]);
  signal?.throwIfAborted();
  for (const file of changed) {
    say(`supabase/${file} has changed since: ${typed("npm run reset", settings)} applies it.`);
  }
  say("Starting the API, the functions and the table editor");
  await start(startGateway(settings));
  await start(startExtensions(settings));
  const running = parts.move();
  const { ended } = await database;
  return { ended, ready: folder.ready, stop: () => running.disposeAsync() };
}

/** Names the port that somebody else listens on, before anything is started. */
async function checkPorts({ ports, dataDir }: Settings): Promise<void> {
  for (const [name, port] of Object.entries(ports)) {
    if (await isFree(port)) continue;
    throw new StartError(
      `Port ${port} (${name}) is in use: end what listens there, or give the first of six ` +
        `free ports, as in ${typed("npm start", { dataDir, port: 55321 })}.`,
    );
  }
}

/** Whether nobody listens on that port of this machine. */
export async function isFree(port: number): Promise<boolean> {
  await using probe = createServer();
  probe.listen(port, "127.0.0.1");
  return Boolean(await once(probe, "listening").catch(() => false));
}
