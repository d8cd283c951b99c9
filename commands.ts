import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { cron, reset, start, status, stop } from "./local/commands.ts";
import { loadSettings, StartError } from "./local/settings.ts";
import { denoOptions, runTests, runTool, writeTypes } from "./tests/run.ts";

// A connection that breaks where nobody waits for it is no reason to leave everything else standing
// about: what has to stop is stopped by those who started it.
process.on("unhandledRejection", (error) => console.error(error));
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  const isClear = error instanceof StartError || /^ERR_PARSE_ARGS|^EACCES/.test(error.code ?? "");
  const diskIsFull = /No space left on device|ENOSPC/.test(error.message);
  if (diskIsFull) console.error(`The disk is full: make room for ${dataDir} and start again.`);
  else console.error(isClear ? error.message : error);
  process.exit(1);
});

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: process.env.PORT || "54321" },
    data: { type: "string", default: process.env.DATA || join(import.meta.dirname, ".local") },
    output: { type: "string", short: "o", default: "env" },
    detach: { type: "boolean", default: false },
    minutes: { type: "string", default: "1" },
  },
});
const [command = "", ...names] = positionals;
const port = Number(options.port);
// npm runs scripts in the repository; a relative path is meant from where npm was called.
const dataDir = resolve(process.env.INIT_CWD ?? ".", options.data);

/** Each as `npm run <name>`. */
const commands: Record<string, () => unknown> = {
  start: () => start({ port, dataDir }, options.detach),
  stop: () => stop(dataDir),
  status: () => status(dataDir, options.output),
  reset: () => reset(dataDir),
  cron: () => cron(dataDir, names.join(" ")),
  types: writeTypes,
  seed: async () => (await import("./supabase/seed/generate.ts")).seed({ check: false }),
  mails: () =>
    runTool("deno", ["run", "-A", ...denoOptions, "tests/mails/preview.ts", String(port + 9)]),
  bundle: async () => (await import("./supabase/bundle.ts")).bundle(),
  "stripe:replay": async () => (await import("./supabase/replay.ts")).replay(dataDir, names),
  format: () => runTool("biome", ["check", "--write", "."]),
  test: () => runTests(names),
  soak: async () => (await import("./tests/soak/soak.ts")).runSoak(Number(options.minutes)),
  bench: async () =>
    (await import(`./bench/${names[0]}.ts`)).run(loadSettings({ port, dataDir }), names.slice(1)),
};

const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
if (!run) throw new StartError(`Commands: ${Object.keys(commands).join(", ")}.`);
process.exit((await run()) === false ? 1 : process.exitCode);
