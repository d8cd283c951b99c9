import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startGateway } from "../../local/gateway.ts";
import type { Part } from "../../local/settings.ts";
import { seedBuckets } from "../../local/storage-buckets.ts";
import type { Database } from "../../types/database.ts";
import { inDays, password, service, stack, stripe, unwrap } from "../api/actors.ts";
import { brokenRules } from "../api/rules.ts";
import { booksToBe, hold, hostAndGuest, stripeBooks } from "../api/stays.ts";
import { findFreePorts } from "../stack.ts";
import { World } from "./world.ts";

/**
 * Backup and restore as docs/operations.md describes them, with its statements: the migrations make a
 * fresh database, the data of the old one goes in, table by table, and the files through Storage's API.
 */

const operations = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
/** What `psql` is told to run before it reads the data, as the shell hands it on. */
const [, command = ""] = /^ +psql (.*?--file)/ms.exec(operations) ?? [];
const statements = Array.from(command.matchAll(/--command "((?:\\.|[^"])*)"/gs), ([, statement]) =>
  statement!.replaceAll("\\$", "$"),
);

/** The schemas whose data is ours; the rest is made by the platform and the migrations. */
const schemas = ["auth", "storage", "public", "private"];
const notOurs = ["auth.schema_migrations", "storage.migrations"];

type Table = { name: string; rows: Buffer };
type Counter = { name: string; value: string };
type Backup = { tables: Table[]; counters: Counter[] };

// As the superuser, who stands here for what the platform lets its `postgres` do.
const source = postgres(stack.database.replace("postgres:", "supabase_admin:"), { max: 1 });
let world: World;
let gateway: Part;

beforeAll(async () => {
  world = new World(await findFreePorts());
  await world.start();
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await Promise.all([world.stop(), source.end()]);
});

/** All rows of all tables at one moment, as `COPY` writes them, and how far was counted. */
async function dump(sql: postgres.Sql): Promise<Backup> {
  return await sql.begin("isolation level repeatable read", async (transaction) => {
    const names = await transaction<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname = any(${schemas}) order by name`;
    const tables: Table[] = [];
    for (const { name } of names.filter(({ name }) => !notOurs.includes(name))) {
      const stream = await transaction.unsafe(`copy ${name} to stdout`).readable();
      tables.push({ name, rows: await buffer(stream) });
    }
    const counters = await transaction<Counter[]>`
      select format('%I.%I', schemaname, sequencename) as name, last_value::text as value
      from pg_sequences where schemaname = any(${schemas}) and last_value is not null`;
    return { tables, counters };
  });
}

/** Puts the data in, without triggers and foreign keys, which it went through once. */
async function restore(sql: postgres.Sql, { tables, counters }: Backup): Promise<void> {
  await sql.begin(async (transaction) => {
    for (const statement of statements) await transaction.unsafe(statement);
    for (const { name, rows } of tables) {
      const stream = await transaction.unsafe(`copy ${name} from stdin`).writable();
      await pipeline([rows], stream);
    }
    for (const { name, value } of counters) {
      await transaction`select setval(${name}::regclass, ${value})`;
    }
  });
}

/** What is in each table, in whatever order. */
function contents({ tables }: Backup) {
  const digest = (rows: Buffer) => sha256(rows.toString().split("\n").sort().join("\n"));
  return Object.fromEntries(tables.map(({ name, rows }) => [name, digest(rows)]));
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

async function copyFiles(bucket: string): Promise<void> {
  const { settings } = world;
  const target = createClient(settings.urls.api, settings.keys.secret);
  const files = await source<{ name: string }[]>`
    select name from storage.objects where bucket_id = ${bucket}`;
  for (const { name } of files) {
    const file = unwrap(await service().storage.from(bucket).download(name));
    const options = { upsert: true, contentType: "application/pdf" };
    unwrap(await target.storage.from(bucket).upload(name, file, options));
  }
}

test("what was dumped is restored into a fresh stack: same rows, same password, same invoice", {
  timeout: 60_000,
}, async () => {
  const [host, guest] = await hostAndGuest();
  const stay = await hold(host, guest, 400);
  await stripe(`sessions/${stay.session.session_id}/pay`);
  await booksToBe(stay.id, { status: "confirmed", documents: ["invoice 25925"] });

  expect(statements).toHaveLength(2);
  const backup = await dump(source);
  await restore(world.sql, backup);
  expect(contents(await dump(world.sql))).toEqual(contents(backup));
  await seedBuckets(world.settings);
  gateway = await startGateway(world.settings);
  await copyFiles("invoices");

  const books = await stripeBooks([stay.id]);
  const period: [Date, Date] = [new Date("2040-01-01"), new Date("2040-01-02")];
  expect(await brokenRules(world.sql, books, [stay.property.id], period)).toEqual([]);

  const { urls, keys } = world.settings;
  const client = createClient<Database>(urls.api, keys.publishable);
  const { error } = await client.auth.signInWithPassword({ email: guest.email, password });
  expect(error).toBeNull();
  const [invoice] = unwrap(await client.from("invoices").select("pdf_path, pdf_sha256"));
  const pdf = unwrap(await client.storage.from("invoices").download(invoice!.pdf_path!));
  expect(sha256(new Uint8Array(await pdf.arrayBuffer()))).toBe(invoice!.pdf_sha256);

  // Life goes on there: taken nights are taken, others can be had.
  const again = { property_id: stay.property.id, guests: 1 };
  const taken = await client.rpc("reserve", { ...again, ...stay.dates });
  expect(taken.error?.hint).toBe("dates_unavailable");
  const dates = { check_in: inDays(420), check_out: inDays(422) };
  expect(unwrap(await client.rpc("reserve", { ...again, ...dates })).status).toBe("held");
});
