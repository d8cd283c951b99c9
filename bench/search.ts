/**
 * `npm run bench:search`: how long the searches take that a frontend makes, with 10,000, 100,000 and
 * 1,000,000 homes, for a visitor and a signed-in user, called as the Data API calls them. Prints
 * tables, writes them to `bench/results.md`, and fails when a limit is missed. The databases are
 * made by the first run and kept in the data folder; `--fresh` makes them anew.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type postgres from "postgres";
import type { Settings } from "../local/settings.ts";
import { type Call, type Caller, search, tablesReadWhole } from "./calls.ts";
import { type BenchServer, serverSettings, startBenchServer } from "./database.ts";
import { homesDatabase, provideHomes } from "./homes.ts";
import { machine, percentile } from "./report.ts";
import { drawCalls, type Kind, kinds } from "./searches.ts";

const sizes = [10_000, 100_000, 1_000_000];
const callsPerKind = 100;
/** Others before them, since the connections of the Data API have been in use for long. */
const callsBefore = 100;
const plansPerKind = 10;
/** How much longer than for the owner of the tables a search may take under row-level security. */
const ratioLimit = 1.3;

type Percentiles = { median: number; p95: number };
type Result = {
  homes: number;
  kind: Kind;
  visitor: Percentiles;
  user: Percentiles;
  owner: Percentiles;
  ratio: number;
  /** How many homes were on a page, on average. */
  found: number;
  tablesReadWhole: string[];
};

/** Runs the bench; the data is kept below the data folder of the settings. */
export async function run(settings: Settings, args: string[]): Promise<void> {
  const about = machine(serverSettings.shared_buffers);
  const server = await startBenchServer(settings);
  const results: Result[] = [];
  try {
    for (const homes of sizes) await provideHomes(server, homes, args.includes("--fresh"));
    for (const homes of sizes) {
      console.log(`Searching among ${count(homes)} homes`);
      results.push(...(await measureSize(server, homes)));
    }
  } finally {
    await server.stop();
  }
  const report = describe(results, about);
  writeFileSync(join(settings.root, "bench", "results.md"), report);
  console.log(`\n${report}`);
  if (results.some((result) => failures(result).length)) process.exitCode = 1;
}

async function measureSize(server: BenchServer, homes: number): Promise<Result[]> {
  const notices: string[] = [];
  const onnotice = ({ message }: postgres.Notice) => notices.push(message ?? "");
  const database = homesDatabase(homes);
  const api = server.connect(database, "authenticator");
  const owner = server.connect(database, "owner");
  const superuser = server.connect(database, "superuser", { onnotice });
  // A server that has just been started has nothing in its memory yet of what it uses all day.
  await superuser`create extension if not exists pg_prewarm with schema bench`;
  await superuser`select bench.pg_prewarm(oid) from pg_class where relname like 'listings%'`;
  const results: Result[] = [];
  for (const kind of kinds) {
    const calls = await drawCalls(superuser, kind, callsBefore + callsPerKind);
    results.push({
      homes,
      kind,
      ...(await measureKind(api, owner, await findUser(superuser), calls)),
      tablesReadWhole: await readPlans(superuser, notices, calls.slice(0, plansPerKind)),
    });
  }
  await Promise.all([api, owner, superuser].map((sql) => sql.end()));
  return results;
}

async function findUser(sql: postgres.Sql): Promise<string> {
  const [user] = await sql<{ id: string }[]>`select bench.id('user', 1) as id`;
  return user!.id;
}

/** Each call in the name of each caller; who comes first changes, since the next ones find it easier. */
async function measureKind(api: postgres.Sql, owner: postgres.Sql, sub: string, calls: Call[]) {
  const callers: { sql: postgres.Sql; caller: Caller; times: number[] }[] = [
    { sql: api, caller: { role: "anon" }, times: [] },
    { sql: api, caller: { role: "authenticated", sub }, times: [] },
    { sql: owner, caller: { role: "postgres", sub }, times: [] },
  ];
  let found = 0;
  for (const [index, call] of calls.entries()) {
    for (const turn of callers.keys()) {
      const { sql, caller, times } = callers[(index + turn) % callers.length]!;
      const started = performance.now();
      const page = await search(sql, caller, call);
      if (index < callsBefore) continue;
      times.push(performance.now() - started);
      found += page.length;
    }
  }
  const [visitor, user, ofOwner] = callers.map(({ times }) => percentiles(times));
  return {
    visitor: visitor!,
    user: user!,
    owner: ofOwner!,
    ratio: Math.max(visitor!.median, user!.median) / ofOwner!.median,
    found: found / callsPerKind / callers.length,
  };
}

async function readPlans(sql: postgres.Sql, notices: string[], calls: Call[]): Promise<string[]> {
  const tables = new Set<string>();
  for (const call of calls) {
    for (const table of await tablesReadWhole(sql, notices, call)) tables.add(table);
  }
  return [...tables];
}

function percentiles(times: number[]): Percentiles {
  return { median: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

/** What of the limits a result misses, in words. */
function failures({ kind, visitor, user, ratio, tablesReadWhole }: Result): string[] {
  const median = Math.max(visitor.median, user.median);
  const p95 = Math.max(visitor.p95, user.p95);
  return [
    ...(median > kind.limits.median ? [`median above ${kind.limits.median} ms`] : []),
    ...(p95 > kind.limits.p95 ? [`95th percentile above ${kind.limits.p95} ms`] : []),
    ...(ratio > ratioLimit ? [`above ${ratioLimit} times the owner's`] : []),
    ...tablesReadWhole.map((table) => `reads all of ${table}`),
  ];
}

function describe(results: Result[], about: string): string {
  const largest = results.filter(({ homes }) => homes === sizes.at(-1));
  const growth = kinds.map((kind) => [
    kind.name,
    ...results
      .filter((result) => result.kind === kind)
      .flatMap(({ visitor, user }) => [
        milliseconds(Math.max(visitor.median, user.median)),
        milliseconds(Math.max(visitor.p95, user.p95)),
      ]),
  ]);
  const missed = results.flatMap((result) =>
    failures(result).map((what) => `- ${result.kind.name}, ${count(result.homes)} homes: ${what}`),
  );
  return `# Search

${about}

Milliseconds for a whole transaction as the Data API makes it, measured by its client: ${callsPerKind} different
searches of each kind after ${callsBefore} others, each as a visitor, as a signed-in user and as the owner of the
tables in that user's name. What searches look through (\`private.listings\` and its indexes) is in
memory beforehand, as it is on a server that does this all day and has the memory for it.

## Among ${count(sizes.at(-1)!)} homes with ${count(5 * sizes.at(-1)!)} stays

${table(
  [
    ...["search", "visitor: median", "95 %", "user: median", "95 %", "owner: median"],
    ...["user or visitor / owner", "homes on a page"],
  ],
  largest.map(({ kind, visitor, user, owner, ratio, found }) => [
    kind.name,
    ...[visitor.median, visitor.p95, user.median, user.p95, owner.median].map(milliseconds),
    ratio.toFixed(2),
    found.toFixed(1),
  ]),
)}

## The same, among more and more homes (the slower one of visitor and user)

${table(["search", ...sizes.flatMap((homes) => [`${count(homes)}: median`, "95 %"])], growth)}

## Limits

Median 5 ms and 95th percentile 25 ms (500 ms where next to nothing is free), at most ${ratioLimit} times what the
owner of the tables waits, and no plan that reads a table of 10,000 rows or more from end to end.

${missed.length ? missed.join("\n") : "All are kept."}
`;
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column ? "---:" : "---"));
  return [head, rule, ...rows].map(line).join("\n");
}

function milliseconds(time: number): string {
  return time.toFixed(1);
}

function count(things: number): string {
  return things.toLocaleString("en");
}
