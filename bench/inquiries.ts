/**
 * `npm run bench:inquiries`: how long staff and customers wait at a help desk with 1,000,000
 * inquiries and 5,000,000 messages, called as the Data API calls. Prints a table, writes it to
 * `bench/inquiries.md`, and fails when a limit is missed. The database is made by the first run and
 * kept in the data folder; `--fresh` makes it anew.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import type postgres from "postgres";
import type { Settings } from "../local/settings.ts";
import { type BenchServer, startBenchServer } from "./database.ts";

const database = "inquiries";
const calls = 100;
/** The files that the data is made by: when one of them changes, it is made anew. */
const sources = ["supabase/migrations/*_{accounts,inquiries}.sql", "bench/inquiries.sql"];

/** A statement and its values; what it answers may be asked for the next one. */
type Call = { who: string; text: string; values?: string[] };
type Kind = {
  name: string;
  /** Milliseconds that the median may take; none where it is only told. */
  limit?: number;
  next(round: number, last: Row[]): Call;
};
type Row = Record<string, string | null>;
type Result = { kind: Kind; median: number; p95: number };

/** The id of the nth of its sort, as `bench/inquiries.sql` makes it. */
function id(sort: string, n: number): string {
  const hash = createHash("md5").update(`${sort} ${n}`).digest("hex");
  return [8, 4, 4, 4, 12]
    .map((length, index) => hash.substr([0, 8, 12, 16, 20][index]!, length))
    .join("-");
}

const admin = id("staff", 0);
const agent = (round: number) => id("staff", 1 + ((round * 7) % 49));
const customer = (round: number) => id("customer", 1 + ((round * 7919) % 100_000));

/** Every fifth call begins at the top, the others go on where the last one ended. */
const queue = (who: (round: number) => string) => (round: number, last: Row[]) => {
  const cursor = round % 5 ? (last.at(-1)?.page_cursor ?? null) : null;
  return {
    who: who(Math.floor(round / 5)),
    text: "select * from public.inquiry_queue(page_cursor => $1)",
    values: [cursor] as string[],
  };
};

const list = (condition: string) => `
  select i.*, to_jsonb(agent) as agent
  from public.inquiries i
  left join lateral (select p.id, p.name from public.profiles p where p.id = i.assigned_to) agent on true
  where ${condition}
  order by i.created_at desc
  limit 25`;

const thread = `
  select i.*, to_jsonb(author) as author, messages.thread
  from public.inquiries i
  left join lateral (select p.id, p.name from public.profiles p where p.id = i.user_id) author on true
  left join lateral (
    select jsonb_agg(to_jsonb(m) || jsonb_build_object('author', to_jsonb(writer)) order by m.created_at) as thread
    from public.inquiry_messages m
    left join lateral (select p.name from public.profiles p where p.id = m.author_id) writer on true
    where m.inquiry_id = i.id
  ) messages on true
  where i.id = $1`;

const kinds: Kind[] = [
  { name: "queue of an agent", limit: 20, next: queue(agent) },
  { name: "queue of an admin", limit: 20, next: queue(() => admin) },
  {
    name: "list of a customer",
    limit: 10,
    next: (round) => ({
      who: customer(round),
      text: list("i.user_id = $1"),
      values: [customer(round)],
    }),
  },
  {
    name: "list of an agent",
    limit: 10,
    next: (round) => ({
      who: agent(round),
      text: list("i.assigned_to = $1"),
      values: [agent(round)],
    }),
  },
  {
    name: "list of an admin",
    limit: 10,
    next: () => ({ who: admin, text: list("true") }),
  },
  {
    name: "thread of a customer",
    limit: 10,
    next: (round) => {
      const n = 1 + ((round * 7919) % 100_000);
      return { who: customer(n), text: thread, values: [id("inquiry", n)] };
    },
  },
  {
    name: "thread of an admin",
    limit: 10,
    next: (round) => ({ who: admin, text: thread, values: [id("inquiry", 1 + round * 9973)] }),
  },
  {
    name: "figures of a month",
    limit: 500,
    next: (round) => ({
      who: admin,
      text: "select * from public.inquiry_stats(current_date - $1::integer, current_date - $1::integer + 30)",
      values: [String(30 + (round % 300))],
    }),
  },
  {
    name: "list of the agents",
    next: () => ({ who: admin, text: "select * from public.list_agents()" }),
  },
  {
    name: "list of a customer who names no user_id",
    next: (round) => ({ who: customer(round), text: list("true") }),
  },
];

/** Runs the bench; the data is kept below the data folder of the settings. */
export async function run(settings: Settings, args: string[]): Promise<void> {
  const server = await startBenchServer(settings, [], false);
  const results: Result[] = [];
  try {
    await provide(server, settings.root, args.includes("--fresh"));
    const sql = server.connect(0, "authenticator", { database });
    for (const kind of kinds) results.push(await measure(sql, kind));
    await sql.end();
  } finally {
    await server.stop();
  }
  const report = describe(results);
  writeFileSync(join(settings.root, "bench", "inquiries.md"), report);
  console.log(report);
  if (results.some(isTooSlow)) process.exitCode = 1;
}

/** Makes the database, unless it is there as the sources are now. */
async function provide(server: BenchServer, root: string, fresh: boolean): Promise<void> {
  const mark = createHash("sha256").update(read(root, sources).join()).digest("hex");
  const superuser = server.connect(0, "superuser", { database: "postgres" });
  try {
    const [found] = await superuser`
      select shobj_description(oid, 'pg_database') as mark from pg_database where datname = ${database}`;
    if (!fresh && found?.mark === mark) return;
    console.log("Making the database with 1,000,000 inquiries");
    await superuser.unsafe(`drop database if exists ${database}`);
    await superuser.unsafe(`create database ${database} template postgres owner postgres`);
    await fill(server, root);
    await superuser.unsafe(`comment on database ${database} is '${mark}'`);
  } finally {
    await superuser.end();
  }
}

function read(root: string, patterns: string[]): string[] {
  const files = globSync(patterns, { cwd: root }).sort();
  return files.map((file) => readFileSync(join(root, file), "utf8"));
}

async function fill(server: BenchServer, root: string): Promise<void> {
  const owner = server.connect(0, "owner", { database });
  for (const migration of read(root, ["supabase/migrations/*.sql"])) await owner.unsafe(migration);
  await owner.end();
  const superuser = server.connect(0, "superuser", {
    database,
    // Without triggers and foreign keys.
    connection: { session_replication_role: "replica", synchronous_commit: "off" } as object,
  });
  for (const data of read(root, ["bench/inquiries.sql"])) await superuser.unsafe(data);
  await superuser.unsafe("vacuum (analyze)");
  await superuser.end();
}

async function measure(sql: postgres.Sql, kind: Kind): Promise<Result> {
  const times: number[] = [];
  let last: Row[] = [];
  for (let round = -5; round < calls; round++) {
    const call = kind.next(Math.abs(round), last);
    const started = performance.now();
    last = await ask(sql, call);
    // The first ones warm up.
    if (round >= 0) times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.ceil(share * times.length) - 1]!;
  return { kind, median: at(0.5), p95: at(0.95) };
}

/** Asks as the Data API does: a transaction, who is asking, one statement that answers in JSON. */
async function ask(sql: postgres.Sql, { who, text, values = [] }: Call): Promise<Row[]> {
  const claims = JSON.stringify({ role: "authenticated", sub: who });
  const answer = await sql.begin("read only", async (transaction) => {
    await transaction`
      select set_config('role', 'authenticated', true), set_config('request.jwt.claims', ${claims}, true)`;
    return await transaction.unsafe<{ body: Row[] }[]>(
      `with source as (${text}) select coalesce(json_agg(source), '[]') as body from source`,
      values,
      { prepare: true },
    );
  });
  return answer[0]!.body;
}

function isTooSlow({ kind, median }: Result): boolean {
  return kind.limit !== undefined && median > kind.limit;
}

function describe(results: Result[]): string {
  const rows = results.map(({ kind, median, p95 }) => {
    const limit = kind.limit === undefined ? "" : `${kind.limit}`;
    return `| ${[kind.name, median.toFixed(1), p95.toFixed(1), limit].join(" | ")} |`;
  });
  const missed = results.filter(isTooSlow).map(({ kind }) => `- ${kind.name}`);
  return `# Help desk

${cpus().length} cores (${cpus()[0]!.model.trim()}), ${(totalmem() / 2 ** 30).toFixed()} GB of memory, Node ${process.version}, \
PostgreSQL 17 with 1 GB of shared buffers; other work ran on the machine meanwhile.

1,000,000 inquiries, 30,000 of them open, and 5,000,000 messages. Milliseconds for a whole transaction
as the Data API makes it, measured by its client: ${calls} different calls of each kind.

| | median | 95 % | limit of the median |
| --- | ---: | ---: | ---: |
${rows.join("\n")}

A customer's list names the customer (\`.eq("user_id", id)\`), as frontends should: row-level security
gives the same rows without it, but then looks through all inquiries to find them.

${missed.length ? `Too slow:\n\n${missed.join("\n")}` : "All limits are kept."}
`;
}
