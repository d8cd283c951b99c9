/**
 * `npm run bench:jobs`: how fast mails leave by one worker and by two, what queueing costs a
 * transaction, whether claims stay fast beside a million finished jobs, and what a report of
 * 100,000 new listings takes. Prints a table, writes it to `bench/jobs.md`, and fails when a limit
 * is missed. With `-- -- --mails 1000` fewer than 10,000 are sent.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type postgres from "postgres";
import { loadSettings, type Settings } from "../local/settings.ts";
import { connect } from "../supabase/functions/_shared/database.ts";
import { writeDailyReport } from "../supabase/functions/jobs/kinds/write-daily-report.ts";
import type { Tools } from "../supabase/functions/jobs/tools.ts";
import { Sink, Worker } from "../tests/faults/world.ts";
import { serverSettings, startBenchServer } from "./database.ts";
import { atLeast, below, machine, percentile, type Row, table } from "./report.ts";

const database = "jobs";
const listings = 100_000;
const finished = 1_000_000;

/** Runs the bench in a database of its own, which is made anew each time. */
export async function run(platform: Settings, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { mails: { type: "string", default: "10000" } } });
  const dataDir = join(platform.dataDir, "bench");
  const settings = loadSettings({ port: platform.ports.api + 100, dataDir, readDotEnv: false });
  settings.functionEnv.SUPABASE_DB_URL = settings.databaseUrl.replace(/[^/]*$/, database);
  // As in the bundle of a deploy: React's own checks take half of the time otherwise.
  settings.functionEnv.NODE_ENV = "production";
  const server = await startBenchServer(platform);
  const rows: Row[] = [];
  const about = machine(serverSettings.shared_buffers);
  try {
    await server.create(database);
    const sql = server.connect(database, "superuser");
    rows.push(...(await measureQueueing(sql)));
    for (const workers of [1, 2]) rows.push(...(await send(sql, settings, +values.mails, workers)));
    rows.push(await measureClaims(sql));
    rows.push(...(await measureReport(sql, settings)));
    await sql.end();
  } finally {
    await server.stop();
  }
  const report = `# Jobs

${about} The mail server runs on the
same machine.

${table(rows)}
`;
  writeFileSync(join(settings.root, "bench", "jobs.md"), report);
  console.log(report);
  if (rows.some(({ isKept }) => !isKept)) process.exitCode = 1;
}

/** What a transaction that writes a row takes with one job, with two and with none, by turns. */
async function measureQueueing(sql: postgres.Sql): Promise<Row[]> {
  await sql.unsafe(`
    create table private.bench (id integer);
    create function private.bench(n integer, jobs integer) returns void language plpgsql as $$
    begin
      insert into private.bench values (n);
      for i in 1..jobs loop
        perform private.enqueue('send_mail', '{"mail_id": "x"}', format('%s of %s for %s', i, jobs, n));
      end loop;
    end $$`);
  const times: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < 2_000; n++) {
    for (const [jobs, taken] of times.entries()) {
      const started = performance.now();
      await sql`select private.bench(${n}, ${jobs})`;
      taken.push(performance.now() - started);
    }
  }
  const [none, one, two] = times.map(median) as [number, number, number];
  await sql`truncate private.jobs, net.http_request_queue, private.job_wakes`;
  return [
    {
      what: "what a job adds to a transaction, with the call of the worker and all that its commit takes",
      figure: `${figure(one - none)} ms`,
      ...below(one - none, 0.2, "ms"),
    },
    {
      what: "… what a second job adds",
      figure: `${figure(two - one)} ms`,
      ...below(two - one, 0.2, "ms"),
    },
  ];
}

/** Sends so many mails by so many workers, and looks at what has arrived. */
async function send(
  sql: postgres.Sql,
  settings: Settings,
  count: number,
  workerCount: number,
): Promise<Row[]> {
  const sink = await new Sink().open();
  sink.wellBehaved = true;
  const workers = Array.from({ length: workerCount }, () => new Worker(settings, sink.port));
  try {
    // Their start is no part of it.
    await Promise.all(workers.map((worker) => worker.call()));
    const ids = await queueMails(sql, count);
    const started = performance.now();
    await Promise.all(
      workers.map(async (worker) => {
        for (let left = 1; left; ) left = (await worker.call()).remaining ?? 1;
      }),
    );
    const rate = (count * 1000) / (performance.now() - started);
    const [{ done } = { done: 0 }] = await sql`
      select count(*)::integer as done from private.jobs where state = 'done' and kind = 'send_mail'`;
    const place = new Map(ids.map((id, index) => [id, index]));
    const shift = Math.max(...sink.taken.map((id, index) => Math.abs(index - place.get(id)!)));
    const isWhole = done === count && sink.taken.length === count && place.size === count;
    const by = `by ${workerCount === 1 ? "one worker" : `${workerCount} workers`}`;
    return [
      {
        what: `${count.toLocaleString("en")} mails ${by}`,
        figure: `${rate.toFixed()} a second`,
        ...atLeast(rate, 120, "a second"),
      },
      {
        what: `… taken by the mail server, ${new Set(sink.taken).size.toLocaleString("en")} different ones`,
        figure: sink.taken.length.toLocaleString("en"),
        limit: "each once",
        isKept: isWhole && new Set(sink.taken).size === count,
      },
      {
        what: "… the farthest from its place in the order of their age",
        figure: `${shift} places`,
        limit: "at most 64",
        isKept: shift <= 64,
      },
    ];
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await sink.close();
    await sql`truncate private.jobs, private.mails, net.http_request_queue, private.job_wakes`;
  }
}

/** Queues confirmations of bookings, each older than the one before by a millisecond; oldest first. */
async function queueMails(sql: postgres.Sql, count: number): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select private.send_mail('booking_confirmed', 'guest' || n || '@example.com', 'Maria Silva',
      jsonb_build_object(
        'recipient_name', 'Maria Silva', 'reservation_id', gen_random_uuid(), 'property_title', 'A quiet cottage',
        'city', 'Cork', 'country_name', 'Ireland', 'host_name', 'Ana', 'check_in', '2026-12-04', 'check_out', '2026-12-07',
        'nights', 3, 'guests', 2, 'subtotal', 40000, 'service_fee', 2000, 'total', 42000, 'currency', 'usd',
        'invoice_number', '2026-000001'), 'bench ' || n) as id
    from generate_series(1, ${count}::integer) n`;
  await sql`
    update private.jobs j set run_at = now() - interval '1 hour' + split_part(m.key, ' ', 2)::integer * interval '1 millisecond'
    from private.mails m where j.key = 'mail:' || m.id`;
  await sql`vacuum analyze private.jobs`;
  return rows.map(({ id }) => `${id}@djanobnb.test`);
}

/** Claims 16 jobs at a time, beside no finished jobs and then beside a million. */
async function measureClaims(sql: postgres.Sql): Promise<Row> {
  await sql`
    insert into private.job_kinds (kind, priority, max_running, description)
    values ('bench', 1, 30000, 'Is claimed.')`;
  const claims = async () => {
    const times: number[] = [];
    for (let n = 0; n < 210; n++) {
      await sql`
        insert into private.jobs (kind, max_attempts) select 'bench', 3 from generate_series(1, 16)`;
      const started = performance.now();
      const jobs = await sql`select id, lease_token from private.claim_jobs(16)`;
      if (n >= 10) times.push(performance.now() - started);
      if (jobs.length !== 16) throw new Error(`${jobs.length} jobs were claimed instead of 16.`);
      await sql`
        update private.jobs set state = 'done', finished_at = now(), lease_token = null, leased_until = null
        where state = 'running'`;
    }
    return median(times);
  };
  const before = await claims();
  await sql`
    insert into private.jobs (kind, payload, key, state, max_attempts, attempts, finished_at, run_at)
    select 'send_mail', '{"mail_id": "x"}', 'done ' || n, 'done', 14, 1, now() - n * interval '1 second', now() - n * interval '1 second'
    from generate_series(1, ${finished}) n`;
  await sql`vacuum analyze private.jobs`;
  const after = await claims();
  return {
    what: `a claim of 16 jobs beside ${finished.toLocaleString("en")} finished ones (beside none: ${figure(before)} ms)`,
    figure: `${figure(after)} ms`,
    limit: "at most 1.3 times as much",
    isKept: after <= 1.3 * before,
  };
}

/** The report is written by a process of its own, whose memory is all that it takes. */
async function measureReport(sql: postgres.Sql, settings: Settings): Promise<Row[]> {
  await sql`set session_replication_role = replica`;
  await sql`insert into public.profiles (id, name) values ('00000000-0000-4000-8000-000000000001', '=HYPERLINK("x")')`;
  await sql`
    insert into public.properties (host_id, title, category, country_code, city, price_per_night, created_at)
    select '00000000-0000-4000-8000-000000000001', 'A quiet cottage with a stove, number ' || n, 'cabin', 'IE', 'Cork',
      10000 + n, '2026-01-01 00:00Z'::timestamptz + n * interval '0.8 seconds'
    from generate_series(1, ${listings}) n`;
  await sql`vacuum analyze public.properties`;
  const url = settings.functionEnv.SUPABASE_DB_URL!;
  // Node keeps garbage as long as the machine has room; here it may not.
  const execArgv = ["--max-old-space-size=64", "--max-semi-space-size=4"];
  const child = fork(import.meta.filename, ["report", url], { execArgv });
  const [{ count, bytes, seconds, before, megabytes }] = await once(child, "message");
  const [mail] = await sql`
    select (props ->> 'property_count')::integer as count, jsonb_array_length(props -> 'properties') as shown
    from private.mails where template = 'daily_report'`;
  if (count !== listings || mail?.count !== listings || mail.shown !== 200) {
    throw new Error(`The report tells of ${count} listings.`);
  }
  return [
    {
      what: `a report of ${listings.toLocaleString("en")} new listings (a file of ${(bytes / 2 ** 20).toFixed(1)} MB)`,
      figure: `${seconds.toFixed(2)} s`,
      ...below(seconds, 3, "s"),
    },
    {
      what: `… memory that it takes, where 64 MB of objects may live (before: ${before.toFixed()} MB)`,
      figure: `${megabytes.toFixed()} MB`,
      ...below(megabytes, 150, "MB"),
    },
  ];
}

/** Writes the report with a Storage that counts what it gets. */
async function writeReport(url: string): Promise<void> {
  const sql = connect(url);
  let bytes = 0;
  const upload = async (_path: string, file: ArrayBuffer) => {
    bytes += file.byteLength;
    return { error: null };
  };
  const tools = { database: sql, storage: { from: () => ({ upload }) } } as unknown as Tools;
  const peak = () => process.resourceUsage().maxRSS / 1024;
  const before = peak();
  const started = performance.now();
  const day = { report_date: "2026-01-01", timezone: "UTC" };
  const result = await writeDailyReport.run(day, tools, false);
  const seconds = (performance.now() - started) / 1000;
  const { property_count: count } = result as { property_count: number };
  await sql.end();
  process.send!({ count, bytes, seconds, before, megabytes: peak() - before });
}

function median(times: number[]): number {
  return percentile(times, 0.5);
}

function figure(milliseconds: number): string {
  return milliseconds.toFixed(2);
}

if (process.argv[2] === "report" && process.send) await writeReport(process.argv[3]!);
