import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import postgres from "postgres";
import { layPlatform } from "../../local/platform.ts";
import { loadSettings, type Settings } from "../../local/settings.ts";
import { applyMigrations } from "../../local/supabase.ts";
import { type Counts, runDatabaseTests } from "../db.ts";
import { findPackages, makeCluster, startServer } from "./debian.ts";

/**
 * Applies the migrations to Debian's PostgreSQL with the real pg_cron, and tests there what the
 * local platform only stands in for: the schedules run, and `supabase db lint` has its checker.
 * Where the packages cannot be had it says so and counts nothing.
 */
export async function runPgCronTests(): Promise<Counts> {
  const missing = await findPackages();
  if (missing) {
    console.log(`Left out: ${missing}`);
    return { passed: 0, failed: 0 };
  }
  const dataDir = mkdtempSync(join(tmpdir(), "djanobnb-pgcron-"));
  try {
    const port = await findFreePort();
    // The port of the database is the second one of a stack's.
    return await runIn(loadSettings({ port: port - 1, dataDir, readDotEnv: false }));
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

async function runIn(settings: Settings): Promise<Counts> {
  await makeCluster(settings);
  let server = await startServer(settings);
  try {
    await prepare(settings);
    await applyMigrations(settings);
    await atNextStart(settings);
    await server.stop();
    server = await startServer(settings);
    return add(
      await checkSchedules(settings),
      await runDatabaseTests(settings),
      await lint(settings),
      await lintTriggers(settings),
      await checkOperations(settings),
    );
  } finally {
    await server.stop();
  }
}

/** Makes the database what a hosted project is before its first migration. */
async function prepare(settings: Settings): Promise<void> {
  await withDatabase(settings.adminDatabaseUrl, async (sql) => {
    // A role that PostgreSQL has from version 16 on, and that no statement can create.
    await sql.unsafe(`
      set allow_system_table_mods = on;
      create role subscriber nologin;
      update pg_authid set rolname = 'pg_create_subscription' where rolname = 'subscriber'`);
    await layPlatform(settings);
    await sql.unsafe(readFileSync(join(import.meta.dirname, "platform.sql"), "utf8"));
  });
}

/** Gives each schedule a twin that pg_cron runs as soon as its server starts. */
async function atNextStart({ databaseUrl }: Settings): Promise<void> {
  await withDatabase(databaseUrl, async (sql) => {
    await sql`select cron.schedule(jobname || ' (now)', '@reboot', command) from cron.job`;
  });
}

/** Each schedule's command is run by pg_cron, as the role that made the schedule, and succeeds. */
async function checkSchedules({ databaseUrl }: Settings): Promise<Counts> {
  return await withDatabase(databaseUrl, async (sql) => {
    const runs = await untilAllHaveRun(sql);
    for (const { jobname, status, return_message } of runs) {
      console.log(`${status === "succeeded" ? "ok" : "not ok"} ${jobname}: ${return_message}`);
    }
    await sql`select cron.unschedule(jobid) from cron.job where schedule = '@reboot'`;
    const passed = runs.filter(({ status }) => status === "succeeded").length;
    return { passed, failed: Math.max(runs.length - passed, runs.length ? 0 : 1) };
  });
}

type Run = { jobname: string; status: string; return_message: string };

async function untilAllHaveRun(sql: postgres.Sql): Promise<Run[]> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const runs = await sql<Run[]>`
      select j.jobname, coalesce(d.status, 'not started') as status, d.return_message
      from cron.job j
      left join cron.job_run_details d on d.jobid = j.jobid
      where j.schedule = '@reboot'
      order by j.jobid`;
    const over = runs.every(({ status }) => status === "succeeded" || status === "failed");
    if (over || Date.now() > deadline) return runs;
    await wait(50);
  }
}

/** `supabase db lint`, which asks plpgsql_check about every function. */
async function lint({ root, databaseUrl }: Settings): Promise<Counts> {
  const cli = join(root, "node_modules", "supabase", "dist", "supabase.js");
  const args = ["db", "lint", "--schema", "public,private", "--level", "warning"];
  args.push("--fail-on", "error", "--workdir", root, "--agent", "no");
  args.push(`--remote=${databaseUrl}?sslmode=disable`);
  const env = { ...process.env, DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1" };
  const options = { env, maxBuffer: 64 << 20 };
  return await promisify(execFile)(process.execPath, [cli, ...args], options).then(
    ({ stdout }) => {
      console.log(`ok supabase db lint\n${stdout}`.trim());
      return { passed: 1, failed: 0 };
    },
    ({ stdout, stderr }) => {
      console.log(`not ok supabase db lint\n${stdout}${stderr}`);
      return { passed: 0, failed: 1 };
    },
  );
}

/** What `supabase db lint` leaves out: the functions of triggers, each with the table it is for. */
async function lintTriggers({ adminDatabaseUrl }: Settings): Promise<Counts> {
  return await withDatabase(adminDatabaseUrl, async (sql) => {
    const issues = await sql`
      select distinct p.oid::regproc::text as function, c.level, c.lineno, c.message, c.detail
      from pg_trigger t
      join pg_proc p on p.oid = t.tgfoid
      cross join lateral extensions.plpgsql_check_function_tb(
        p.oid, t.tgrelid, oldtable => t.tgoldtable, newtable => t.tgnewtable
      ) c
      where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)`;
    console.log(`${issues.length ? "not ok" : "ok"} the same for the functions of triggers`);
    if (issues.length) console.log(issues);
    return issues.length ? { passed: 0, failed: 1 } : { passed: 1, failed: 0 };
  });
}

/** `docs/operations.md` leaves out no schedule and no kind of job, and its statements are valid. */
async function checkOperations({ root, databaseUrl }: Settings): Promise<Counts> {
  const text = readFileSync(join(root, "docs", "operations.md"), "utf8");
  return await withDatabase(databaseUrl, async (sql) => {
    const names = await sql`
      select jobname as name from cron.job union all select kind from private.job_kinds`;
    const faults = names
      .filter(({ name }) => !text.includes(`| \`${name}\` |`))
      .map(({ name }) => `It says nothing of ${name}.`);
    for (const [, statement = ""] of text.matchAll(/```sql\n(.*?)```/gs)) {
      // As in a new project, whose Vault is empty.
      await sql.unsafe(`begin; delete from vault.secrets; ${statement}`).catch((error: Error) => {
        faults.push(`${error.message}:\n${statement}`);
      });
      await sql`rollback`;
    }
    console.log([`${faults.length ? "not ok" : "ok"} docs/operations.md`, ...faults].join("\n"));
    return faults.length ? { passed: 0, failed: 1 } : { passed: 1, failed: 0 };
  });
}

function add(...counts: Counts[]): Counts {
  return counts.reduce((sum, { passed, failed }) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed,
  }));
}

async function withDatabase<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return await work(sql).finally(() => sql.end());
}

/** Below the ports that the system hands out to outgoing connections. */
async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
