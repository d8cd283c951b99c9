/**
 * `npm run bench:inquiries`: how long staff and customers wait at a help desk with 1,000,000
 * inquiries and 5,000,000 messages, called as the Data API calls. Prints a table, writes it to
 * `bench/inquiries.md`, and fails when a limit is missed. The database is made by the first run and
 * kept in the data folder; `--fresh` makes it anew.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type postgres from "postgres";
import type { Settings } from "../local/settings.ts";
import { type BenchServer, serverSettings, startBenchServer } from "./database.ts";
import { machine, percentile } from "./report.ts";

const database = "inquiries";
const calls = 100;

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
  const about = machine(serverSettings.shared_buffers);
  const server = await startBenchServer(settings);
  const results: Result[] = [];
  try {
    await server.provide(database, {
      sources: ["supabase/migrations/*_{accounts,inquiries}.sql", "bench/inquiries.sql"],
      fresh: args.includes("--fresh"),
      fill: () => fill(server),
    });
    const sql = server.connect(database, "authenticator");
    for (const kind of kinds) results.push(await measure(sql, kind));
    await sql.end();
  } finally {
    await server.stop();
  }
  const report = describe(results, about);
  writeFileSync(join(settings.root, "bench", "inquiries.md"), report);
  console.log(report);
  if (results.some(isTooSlow)) process.exitCode = 1;
}

async function fill(server: BenchServer): Promise<void> {
  const superuser = server.connect(database, "superuser", {
    // Without triggers and foreign keys.
    connection: { session_replication_role: "replica", synchronous_commit: "off" } as object,
  });
  await superuser.unsafe(readFileSync(join(import.meta.dirname, "inquiries.sql"), "utf8"));
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
  return { kind, median: percentile(times, 0.5), p95: percentile(times, 0.95) };
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

function describe(results: Result[], about: string): string {
  const rows = results.map(({ kind, median, p95 }) => {
    const limit = kind.limit === undefined ? "" : `${kind.limit}`;
    return `| ${[kind.name, median.toFixed(1), p95.toFixed(1), limit].join(" | ")} |`;
  });
  const missed = results.filter(isTooSlow).map(({ kind }) => `- ${kind.name}`);
  return `# Help desk

${about}

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
