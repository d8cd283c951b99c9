import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import postgres, { type JSONValue, type ParameterOrFragment, type TransactionSql } from "postgres";
import type { Caller } from "./caller.ts";
import type { Settings } from "./settings.ts";
import { type Metadata, refusal } from "./storage-files.ts";

export type Place = { bucket_id: string; name: string };
type NewObject = Place & { metadata?: JSONValue; user_metadata?: JSONValue };
type MakeFile = (path: string) => Promise<Metadata>;
type Row = Record<string, unknown>;
type StoredObject = Row &
  Place & { id: string; version: string; metadata: Metadata; user_metadata: JSONValue };
export type Bucket = {
  id: string;
  public: boolean;
  file_size_limit: number | null;
  allowed_mime_types: string[] | null;
};
export type Store = ReturnType<typeof openStore>;

const role = "service_role";
/** This service itself, which policies do not bind. */
export const service: Caller = { role, sub: null, claims: { role } };
export const noSuchBucket = () =>
  refusal(404, "NoSuchBucket", "Bucket not found", "Bucket not found");
export const noSuchKey = () => refusal(404, "NoSuchKey", "Object not found", "not_found");

/**
 * Rows in the database, used as the caller under row-level security, and for each a file in the
 * data folder that is called by the row's version alone. The file is there before the row and goes
 * after it: whatever breaks leaves at most a file without a row.
 */
export function openStore(settings: Settings) {
  const int8 = { to: 20, from: [20], parse: Number, serialize: String };
  const sql = postgres(settings.authenticatorUrl, { max: 8, types: { int8 } });
  const folder = join(settings.dataDir, "storage");
  mkdirSync(folder, { recursive: true });
  const pathOf = (version: string) => join(folder, basename(version));

  /** One query as the caller. */
  const query =
    (caller: Caller) =>
    <T = Row>(text: TemplateStringsArray, ...values: ParameterOrFragment<never>[]) =>
      sql.begin(async (tx) => {
        await become(tx, caller);
        return tx(text, ...values);
      }) as unknown as Promise<T[]>;

  const drop = (rows: { version?: unknown }[]) =>
    Promise.all(rows.map(({ version }) => rm(pathOf(String(version)), { force: true })));

  /** Writes a row as the caller. Its id is made here: to read it back takes one policy more. */
  async function insert(tx: TransactionSql, caller: Caller, object: NewObject, upsert: boolean) {
    mustBeName(object.name);
    const row = { ...object, id: randomUUID(), owner: caller.sub, owner_id: caller.sub };
    const replace = tx`on conflict (bucket_id, name) do update set version = excluded.version,
      metadata = excluded.metadata, user_metadata = excluded.user_metadata,
      owner_id = coalesce(excluded.owner_id, objects.owner_id),
      owner = coalesce(excluded.owner, objects.owner) returning id`;
    await become(tx, caller);
    const [stored] = await tx`insert into storage.objects ${tx(row)} ${upsert ? replace : tx``}`;
    return (stored?.id ?? row.id) as string;
  }

  async function find(caller: Caller, { bucket_id, name }: Place) {
    const [object] = await query(caller)<StoredObject>`
      select * from storage.objects where bucket_id = ${bucket_id} and name = ${name}`;
    if (!object) throw noSuchKey();
    return object;
  }

  return {
    ...{ settings, sql, query, find, drop, pathOf },

    /** Removes what a crash left behind. */
    async dropOrphans() {
      const rows = await sql<{ version: string }[]>`select version from storage.objects`;
      const known = new Set(rows.map(({ version }) => version));
      const files = (await readdir(folder)).filter((version) => !known.has(version));
      await drop(files.map((version) => ({ version })));
    },

    async findBucket(id: string) {
      const [bucket] = await sql<Bucket[]>`select * from storage.buckets where id = ${id}`;
      if (!bucket) throw noSuchBucket();
      return bucket;
    },

    /** An object's file, open. One that is replaced meanwhile is looked for once more. */
    async openFile(caller: Caller, place: Place) {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const { version, metadata } = await find(caller, place);
        const file = await open(pathOf(version)).catch((error) => error as NodeJS.ErrnoException);
        if (!(file instanceof Error)) return { file, metadata };
        if (file.code !== "ENOENT") throw file;
      }
      throw noSuchKey();
    },

    /** Asks the policies whether an object may be written, without writing it. */
    async mustBeAllowed(caller: Caller, object: NewObject, upsert: boolean) {
      const undo = new Error("undo");
      const attempt = sql.begin(async (tx) => {
        await insert(tx, caller, object, upsert);
        throw undo;
      });
      await attempt.catch((error) => {
        if (error !== undo) throw error;
      });
    },

    /** Makes a file and then its row, or neither. The file that it replaces goes. */
    async put(caller: Caller, object: NewObject, upsert: boolean, make: MakeFile) {
      const version = randomUUID();
      const key = `${object.bucket_id}/${object.name}`;
      let written = false;
      try {
        const row = { ...object, version, metadata: await make(pathOf(version)) };
        const { id, replaced } = await sql.begin(async (tx) => {
          await tx`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`;
          const replaced = await tx`select version from storage.objects
            where bucket_id = ${object.bucket_id} and name = ${object.name}`;
          const id = await insert(tx, caller, row, upsert);
          written = true;
          return { id, replaced };
        });
        await drop(replaced);
        return { Id: id, Key: key };
      } catch (error) {
        // A commit that broke off may have been made all the same: the next start will know.
        if (!written) await drop([{ version }]);
        throw error;
      }
    },
  };
}

/** From here on row-level security holds, and the triggers on Storage's tables let rows go. */
async function become(tx: TransactionSql, { role, claims }: Caller) {
  await tx`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true),
    set_config('storage.allow_delete_query', 'true', true), set_config('role', ${role}, true)`;
}

/** Names in any script, but none that hides, climbs or confuses; S3 takes 1,024 bytes. */
export function mustBeName(name: string): void {
  const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\u2060\ufeff#[\]{}^`"<>\\|%~]/u;
  const climbs = name.split("/").some((step) => ["", ".", ".."].includes(step));
  if (!climbs && !unsafe.test(name) && Buffer.byteLength(name) <= 1024) return;
  throw refusal(400, "InvalidKey", `Invalid key: ${name}`);
}

/**
 * Refuses what the bucket does not take. As on hosted the declared type counts: a page called
 * `.png` is refused as `text/html`, and one that claims to be an image is only served as one.
 */
export function mustAccept({ allowed_mime_types: allowed }: Bucket, mimetype: string): void {
  const type = mimetype.toLowerCase().replace(/ *;.*/, "");
  const accepted = [type, type.replace(/\/.*/, "/*")];
  if (!allowed?.length || allowed.some((entry) => accepted.includes(entry.toLowerCase()))) return;
  const message = `mime type ${mimetype} is not supported`;
  throw refusal(415, "InvalidMimeType", message, "invalid_mime_type");
}
