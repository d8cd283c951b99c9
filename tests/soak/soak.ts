import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import postgres from "postgres";
import { askedToStop } from "../../local/processes.ts";
import { type Settings, StartError, statusOf } from "../../local/settings.ts";
import { brokenRules } from "../api/rules.ts";
import { withFreshSettings } from "../stack.ts";
import { type Growth, growthOf, type Sample } from "./memory.ts";
import { Platform } from "./platform.ts";
import { Tally } from "./tally.ts";
import { type Deed, expectedRefusals, shares, User, type World } from "./user.ts";

/** What was seen, and what of it should not have been: nothing, it is to be hoped. */
export type Report = {
  seconds: number;
  tally: Tally;
  memory: Growth[];
  faults: unknown[];
  /** How many reservations, payments, documents, mails and jobs there were. */
  counts: Record<string, number>;
};

/** What happens to the platform meanwhile, as shares of the time: a long run has all of it. */
const events = [
  { at: 0.3, inShort: true, what: "restart" },
  { at: 0.5, inShort: true, what: "kill" },
  { at: 0.65, inShort: false, what: "crash" },
  { at: 0.8, inShort: false, what: "kill" },
] as const;
const isLong = (seconds: number) => seconds >= 120;

/**
 * Users who search, read, book, pay, ask and upload all at once, while the database is restarted and
 * a worker is killed. Then everything comes to rest, and it is looked into what was left behind.
 */
export async function soak(
  seconds: number,
  userCount: number,
  say: (line: string) => void,
): Promise<Report> {
  const interrupted = askedToStop().then(() => Promise.reject(new StartError("Interrupted.")));
  return await withFreshSettings(async (settings) => {
    const platform = new Platform(settings);
    const sql = postgres(settings.databaseUrl, { max: 4, onnotice: () => {} });
    try {
      await platform.start();
      const run = new Run(platform, sql, seconds, userCount, say).go();
      return await Promise.race([run, interrupted]);
    } finally {
      await sql.end({ timeout: 1 });
      await platform.stop();
    }
  });
}

class Run {
  readonly #platform: Platform;
  readonly #settings: Settings;
  readonly #sql: postgres.Sql;
  readonly #seconds: number;
  readonly #userCount: number;
  readonly #say: (line: string) => void;
  readonly #tally = new Tally(expectedRefusals);
  readonly #samples: Sample[] = [];
  readonly #world: World;
  readonly #since = new Date();
  readonly #faults: unknown[] = [];

  constructor(
    platform: Platform,
    sql: postgres.Sql,
    seconds: number,
    userCount: number,
    say: (line: string) => void,
  ) {
    [this.#platform, this.#settings, this.#sql] = [platform, platform.settings, sql];
    [this.#seconds, this.#userCount, this.#say] = [seconds, userCount, say];
    const { urls, keys } = this.#settings;
    this.#world = {
      ...{ url: urls.api, publishableKey: keys.publishable, stripeUrl: urls.stripe },
      ...{ tally: this.#tally, found: [], homes: [] },
    };
  }

  async go(): Promise<Report> {
    const users = Array.from({ length: this.#userCount }, () => new User(this.#world));
    await Promise.all(users.map((user, n) => user.begin(`User ${n + 1}`)));
    const found = await this.#sql<{ id: string }[]>`
      select id from public.properties where status = 'listed'`;
    this.#world.found.push(...found.map(({ id }) => id));

    // Each of them once while all is well; then they do as they like.
    const deeds = Object.keys(shares) as Deed[];
    await Promise.all(users.map((user, n) => user.do(deeds[n % deeds.length]!)));

    const began = performance.now();
    const until = began + this.#seconds * 1000;
    const watching = new AbortController();
    const watch = this.#watch(began, watching.signal);
    await Promise.all([...users.map((user) => user.live(until)), this.#disturb(began)]);
    const seconds = (performance.now() - began) / 1000;
    await this.#settle();
    watching.abort();
    await watch;
    await this.#lookInto();
    const memory = growthOf(this.#samples, isLong(this.#seconds));
    this.#faults.push(...memory.filter(({ isTooMuch }) => isTooMuch));
    const [counts] = await this.#sql`
      select (select count(*)::integer from public.reservations where created_at > ${this.#since}) as reservations,
        (select count(*)::integer from public.payments where paid_at > ${this.#since}) as payments,
        (select count(*)::integer from public.invoices where issued_at > ${this.#since}) as documents,
        (select count(*)::integer from private.mails) as mails,
        (select count(*)::integer from private.jobs) as jobs`;
    const faults = [...this.#tally.unexplained, ...this.#faults];
    return { seconds, tally: this.#tally, memory, faults, counts: counts as Report["counts"] };
  }

  /** The database goes away, workers are killed; an answer from then on is no surprise. */
  async #disturb(began: number): Promise<void> {
    const due = events.filter(({ inShort }) => inShort || isLong(this.#seconds));
    for (const { at, what } of due) {
      await wait(Math.max(0, began + at * this.#seconds * 1000 - performance.now()));
      const end = this.#tally.beginOutage();
      if (what === "kill") this.#platform.killFunctions("jobs");
      else if (what === "crash") await this.#platform.crashDatabase(this.#sql);
      else await this.#platform.restartDatabase(1_000);
      end();
      this.#say(`  … ${what}`);
    }
  }

  /** Takes a sample each second, and says each ten seconds how it goes. */
  async #watch(began: number, signal: AbortSignal): Promise<void> {
    let said = 0;
    while (!signal.aborted) {
      const seconds = (performance.now() - began) / 1000;
      this.#samples.push({ seconds, megabytes: this.#platform.memory() });
      if (seconds - said >= 10) {
        said = seconds;
        this.#say(this.#progress(seconds));
      }
      await wait(1_000, undefined, { signal }).catch(() => {});
    }
  }

  #progress(seconds: number): string {
    const { count, refused, unexplained } = this.#tally;
    const clock = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    const sum = [...refused.values()].reduce((sum, { count }) => sum + count, 0);
    const odd = unexplained.reduce((sum, { count }) => sum + count, 0);
    const memory = [...this.#samples.at(-1)!.megabytes].map(
      ([name, size]) => `${name.split(" ")[0]} ${size.toFixed()}`,
    );
    return `  ${clock}  ${count} requests, ${sum} refused, ${odd} unexplained; MB: ${memory.join(", ")}`;
  }

  /** Every event of Stripe's has come, and every job is done. */
  async #settle(): Promise<void> {
    const { urls, keys } = this.#settings;
    const sql = this.#sql;
    // As hosted, where a function's process lives for minutes: a connection that the driver has lost
    // for good (porsager/postgres#1208) goes with it. And as if the time had passed that leases take.
    this.#platform.killFunctions();
    await sql`update private.jobs set leased_until = now() where state = 'running'`;
    const end = performance.now() + Math.max(120, this.#seconds) * 1000;
    while (performance.now() < end) {
      const list = (await (await fetch(`${urls.stripe}/_test/events`)).json()) as {
        data: { id: string; pending_webhooks: number }[];
      };
      const late = list.data.filter(({ pending_webhooks }) => pending_webhooks > 0);
      for (const { id } of late) {
        await fetch(`${urls.stripe}/_test/events/${id}/deliver`, { method: "POST" });
      }
      await sql`select private.expire_holds()`;
      await sql`update private.jobs set run_at = now() where state = 'queued' and run_at > now()`;
      await fetch(`${urls.api}/functions/v1/jobs`, {
        method: "POST",
        headers: { apikey: keys.secret },
      });
      const [left] = await sql`
        select from private.jobs where state in ('queued', 'running') limit 1`;
      if (!left && !late.length) return;
      await wait(200);
    }
    this.#faults.push({
      stillNotDone:
        await sql`select kind, state, attempts, last_error from private.jobs where state in ('queued', 'running') limit 10`,
    });
  }

  /** The books are right, nothing failed for good, each mail came, and all is well again. */
  async #lookInto(): Promise<void> {
    const sql = this.#sql;
    const homes = this.#world.homes.map(({ id }) => id);
    Object.assign(process.env, this.#settings.functionEnv, statusOf(this.#settings));
    const { stripeBooks } = await import("../api/stays.ts");
    const stays = await sql<{ id: string }[]>`
      select id from public.reservations where property_id = any(${homes})`;
    const books = await stripeBooks(stays.map(({ id }) => id));
    const period: [Date, Date] = [this.#since, new Date("2040-01-01")];
    this.#faults.push(...(await brokenRules(sql, books, homes, period)));
    this.#faults.push(
      ...(await sql`
        select kind, last_error, count(*)::integer from private.jobs where state = 'failed'
        group by kind, last_error limit 10`),
    );
    const withoutFile = await sql`
      select i.path from public.property_images i
      where not exists (
        select from storage.objects o where o.bucket_id = 'property-images' and o.name = i.path
      ) limit 10`;
    if (withoutFile.length) this.#faults.push({ withoutFile });
    const mails = await sql<{ id: string; state: string }[]>`select id, state from private.mails`;
    const taken = new Set(this.#platform.sink.taken.map((id) => id.split("@")[0]));
    const lost = mails.filter(({ id, state }) => state !== "sent" || !taken.has(id));
    if (lost.length || taken.size !== mails.length) {
      this.#faults.push({ mails: mails.length, came: taken.size, lost: lost.slice(0, 10) });
    }
    for (const kind of Object.keys(shares)) {
      if (!this.#tally.times.get(kind)?.length) this.#faults.push({ neverDone: kind });
    }
    const health = await this.#untilWell(30);
    if (health) this.#faults.push(health);
    const log = readFileSync(join(this.#settings.dataDir, "postgres.log"), "utf8");
    const deadlocks = log.match(/deadlock detected/g)?.length;
    if (deadlocks) this.#faults.push({ deadlocks });
  }

  /** What the function `health` has to complain of, unless all is well within so many seconds. */
  async #untilWell(seconds: number): Promise<object | undefined> {
    const { urls, keys } = this.#settings;
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const headers = { apikey: keys.secret };
      const health = await fetch(`${urls.api}/functions/v1/health`, { headers });
      if (health.ok) return undefined;
      if (performance.now() > end) return (await health.json()).parts;
      await wait(1_000);
    }
  }
}

/** The figures of a run, as Markdown. */
export function describe({ seconds, tally, memory, counts }: Report): string {
  const rows = [...tally.times.keys()].map((kind) => {
    const times = tally.times.get(kind)!;
    const rate = (times.length / seconds).toFixed(1);
    const [median, p95] = [0.5, 0.95].map((share) => tally.percentile(kind, share).toFixed());
    return `| ${kind} | ${times.length} | ${rate} | ${median} | ${p95} |`;
  });
  const refusals = [...tally.refused.values()]
    .sort((a, b) => b.count - a.count)
    .map(
      ({ kind, status, code, duringOutage, count }) =>
        `| ${kind} | ${status || "none"} | ${code} | ${duringOutage ? "yes" : ""} | ${count} |`,
    );
  const sizes = memory.map(
    ({ name, warm, last, most, perHour }) =>
      `| ${name} | ${warm.toFixed()} | ${last.toFixed()} | ${most.toFixed()} | ${perHour === null ? "" : perHour.toFixed()} |`,
  );
  return [
    `${tally.count} requests in ${seconds.toFixed()} s: ${(tally.count / seconds).toFixed()} a second.`,
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(", "),
    "",
    "| what | requests | a second | median ms | 95 % ms |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...rows,
    "",
    "| refused | status | code | during an outage | times |",
    "| --- | --- | --- | --- | ---: |",
    ...refusals,
    "",
    "| memory, MB | after a third | at the end | at most | growth an hour |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...sizes,
  ].join("\n");
}

/** `npm run soak -- --minutes 15`: prints its figures, and what should not be. */
export async function runSoak(minutes: number): Promise<boolean> {
  console.log(`Fifty users for ${minutes} minutes`);
  const report = await soak(minutes * 60, 50, console.log);
  console.log(`\n${describe(report)}\n`);
  for (const fault of report.faults) console.log("Should not be:", fault);
  if (!report.faults.length) console.log("All is as it should be: explained, done, in balance.");
  return report.faults.length === 0;
}
