import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { start, startDetached, stop } from "./local/commands.ts";
import { runJobNow } from "./local/extensions.ts";
import { findRunning } from "./local/processes.ts";
import {
  loadSettings,
  type Settings,
  StartError,
  statusOf,
  typed,
  usual,
} from "./local/settings.ts";
import { denoOptions, runTests, runTool, writeTypes } from "./tests/run.ts";

const usage = `Each command is \`npm run <command>\`; start, stop and test also without \`run\`. What follows a
command comes after \`--\`, as in \`npm start -- --detach\`.

  start [--detach]          starts everything, in the background with --detach
  stop                      ends what runs in the background
  status [--output json]    addresses and keys, as env (the default) or json
  reset                     fresh data
  cron <schedule>           runs a scheduled job, now
  stripe:replay <event> …   hands events of Stripe's in again
  mails                     every mail in a browser page, on the port --port + 9
  test [<part> …]           checks and tests, or parts of them
  soak [--minutes 15]       fifty users at once, restarts and killed workers
  bench <name>              measures; test:… and bench:… are commands of their own, too
  types                     types/database.ts from the migrations
  seed                      the demo data from its texts
  bundle                    the functions as one file each, for a deploy
  format                    formatter and linter
  help                      all of this

  --port ${usual.port}              the first of six ports in a row
  --data <folder>           where the data is, unless in .local`;

// A connection that breaks where nobody waits for it is no reason to leave everything else standing
// about: what has to stop is stopped by those who started it.
process.on("unhandledRejection", (error) => console.error(error));
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  console.error(sentenceOf(error) ?? error);
  process.exit(1);
});

/** What whoever called can mend. A fault of ours is none: it shows its stack. */
function sentenceOf(error: NodeJS.ErrnoException): string | undefined {
  const { code = "", message, path, syscall } = error;
  if (error instanceof StartError) return message;
  if (code.startsWith("ERR_PARSE_ARGS")) return `${message.split(". ")[0]}.\n\n${usage}`;
  if (/No space left on device|ENOSPC/.test(message)) {
    return `The disk is full: make room for ${dataDir} and start again.`;
  }
  if (/^(EACCES|EPERM|EROFS)$/.test(code)) {
    const what = syscall === "kill" ? "what runs there is another user's" : message;
    return `Not possible with the data in ${dataDir}: ${what}.`;
  }
  const isOfData = path?.startsWith(dataDir) && /^(EEXIST|ENOTDIR|EISDIR|ENOENT)$/.test(code);
  return isOfData ? `No data can be kept in ${dataDir}: ${message}.` : undefined;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: process.env.PORT || String(usual.port) },
    data: { type: "string", default: process.env.DATA || usual.dataDir },
    output: { type: "string", short: "o", default: "env" },
    detach: { type: "boolean", default: false },
    minutes: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [command = "help", ...names] = positionals;
// npm runs scripts in the repository; a relative path is meant from where npm was called.
const dataDir = resolve(process.env.INIT_CWD ?? ".", options.data);
const port = Number(options.port);
if (!Number.isInteger(port) || port < 1024 || port > 65_520) {
  throw new StartError(`--port must be a number from 1024 to 65520, not "${options.port}".`);
}
const minutes = Number(options.minutes);
if (!(minutes > 0 && Number.isFinite(minutes))) {
  throw new StartError(`--minutes must be a number above 0, not "${options.minutes}".`);
}
if (!/^(env|json)$/.test(options.output)) {
  throw new StartError(`--output must be env or json, not "${options.output}".`);
}

/** Each as `npm run <name>`. */
const commands: Record<string, () => unknown> = {
  start: () => (options.detach ? startDetached : start)({ port, dataDir }, welcome),
  stop: () => stop(dataDir),
  status: () => console.log(listed(settingsOfRunning())),
  reset,
  cron: async () => console.log(await runJobNow(settingsOfRunning(), names.join(" "))),
  types: writeTypes,
  seed: async () => (await import("./supabase/seed/generate.ts")).seed({ check: false }),
  mails: () =>
    runTool("deno", ["run", "-A", ...denoOptions, "tests/mails/preview.ts", String(port + 9)]),
  bundle: async () => (await import("./supabase/bundle.ts")).bundle(),
  "stripe:replay": async () => (await import("./supabase/replay.ts")).replay(dataDir, names),
  format: () => runTool("biome", ["check", "--write", "."]),
  test: () => runTests(names),
  soak: async () => (await import("./tests/soak/soak.ts")).runSoak(minutes),
  bench,
  help: () => console.log(usage),
};
/** Those that take more than options. */
const takesNames = ["cron", "stripe:replay", "test", "bench"];

/** Fresh data, under the same keys; runs again afterwards if it ran before. */
async function reset(): Promise<void> {
  const running = findRunning(dataDir);
  await stop(dataDir);
  for (const name of ["postgres", "storage", "mails", "stripe.json", "applied.json"]) {
    rmSync(join(dataDir, name), { recursive: true, force: true });
  }
  if (running) await startDetached({ ...running, dataDir });
  const again = typed("npm start", { dataDir });
  console.log(
    running ? "It runs in the background now." : `The data is gone: ${again} makes it anew.`,
  );
}

/** The settings of the stack that runs in this data folder; a refusal when none does. */
function settingsOfRunning(): Settings {
  const running = findRunning(dataDir);
  if (running?.ready) return loadSettings({ port: running.port, dataDir });
  const how = typed("npm start", { dataDir });
  throw new StartError(`Nothing runs with the data in ${dataDir}: ${how} starts it.`);
}

/** What a stack says when it is ready. */
function welcome(settings: Settings): string {
  const stop = typed("npm stop", { dataDir }) + (process.env.DETACHED ? "" : " or Ctrl-C");
  return `Ready after ${(performance.now() / 1000).toFixed(1)} s.

${listed(settings)}

Accounts: admin@djanobnb.test, agent@djanobnb.test, host@djanobnb.test, guest@djanobnb.test
Password: djanobnb-demo

${stop} stops everything; the data stays.`;
}

/** The addresses and keys, on standard output alone. */
function listed(settings: Settings): string {
  const values = statusOf(settings);
  if (options.output === "json") return JSON.stringify(values, null, 2);
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}

async function bench(): Promise<void> {
  const [name = "", ...more] = names;
  const benches = ["search", "inquiries", "jobs", "booking"];
  if (!benches.includes(name)) {
    throw new StartError(`No bench "${name}". There are: ${benches.join(", ")}.`);
  }
  await (await import(`./bench/${name}.ts`)).run(loadSettings({ port, dataDir }), more);
}

const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
if (!run) throw new StartError(`There is no command "${command}".\n\n${usage}`);
const [odd] = takesNames.includes(command) ? [] : names;
if (odd !== undefined) throw new StartError(`\`${command}\` takes no "${odd}".\n\n${usage}`);
process.exit((await (options.help ? commands.help! : run)()) === false ? 1 : process.exitCode);
