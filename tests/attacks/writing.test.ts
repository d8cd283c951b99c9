import { describe, expect, test } from "vitest";
import { inDays } from "../api/actors.ts";
import { ask, told } from "./ask.ts";
import { type Column, tables } from "./catalog.ts";
import { type Attacker, filterOf, nowhere, type Row, stored, world } from "./world.ts";

/** Changing what is another's, and what is nobody's to change. */

const all = await world();
const everyTable = await tables();
const { gil, olga } = all.people;
const before = await stored(all);

/** A value that the column could have, and does not have in this row. */
function another({ name, type, labels }: Column, { values }: Row): unknown {
  const value = values[name];
  if (labels) return labels.findLast((label) => label !== value);
  if (type === "uuid") return olga.id;
  if (type === "boolean") return !value;
  if (type === "date") return inDays(51);
  if (type.startsWith("timestamp")) return "2026-01-01T00:00:00Z";
  if (type === "jsonb") return { changed: true };
  return type === "text" ? `${value ?? ""}x` : Number(value ?? 0) + 1;
}

/** The columns that their owners write themselves. Everything else is the database's to say. */
const writableColumns: Record<string, string> = {
  profiles: "name avatar_path",
  properties:
    "title description category country_code city price_per_night currency bedrooms bathrooms guests status",
  property_images: "alt_text position",
  property_blocks: "check_in check_out note",
  inquiries: "status severity assigned_to",
};
/** And those that they may name when they make a row. */
const givenAtFirst: Record<string, string> = {
  properties: "host_id",
  property_images: "property_id path",
  property_blocks: "property_id",
  favorites: "user_id property_id",
  inquiries: "user_id subject message reservation_id",
  inquiry_messages: "inquiry_id author_id author_role body internal",
};
const wordsOf = (text = "") => text.split(" ");
/** What everyone sees, and most may not change. */
const others: Attacker[] = ["visitor", "olga", "dirk"];
const seenByAll: [table: string, key: Row["key"]][] = [
  ["profiles", { id: gil.id }],
  ["properties", { id: all.home }],
  ["properties", { id: all.spare }],
  ["property_images", { id: all.picture }],
  ["categories", { slug: "cabin" }],
  ["countries", { code: "IE" }],
];
const known: Row[] = [
  ...all.rows,
  ...seenByAll.map(([table, key]) => {
    return { table, key, values: key, secrets: [], hiddenFrom: others };
  }),
];

describe.each(everyTable)("of $name", ({ name: table, columns }) => {
  const path = `/rest/v1/${table}`;
  const attacked = known.filter((row) => row.table === table);

  test("T04 nobody changes, replaces or deletes the rows of others", async () => {
    const differences = attacked.flatMap((row) => row.hiddenFrom.map((who) => attack(who, row)));
    expect((await Promise.all(differences)).flat()).toEqual([]);
    expect(await stored(all)).toEqual(before);
  });

  /** Tries all that a request can do to a row, and tells where an answer tells that it is there. */
  async function attack(who: Attacker, row: Row): Promise<string[]> {
    const own = wordsOf(writableColumns[table] ?? columns[0]!.name);
    const changed = columns.filter(({ name }) => own.includes(name));
    const headers = { prefer: "return=representation,tx=commit" };
    const tries = [
      ...changed.map((column) => {
        return { method: "PATCH", headers, body: { [column.name]: another(column, row) } };
      }),
      { method: "DELETE", headers },
    ];
    const found = tries.map(async (request) => {
      const at = async (key: Row["key"]) =>
        told(await ask(all, who, `${path}?${filterOf(key)}`, request));
      const there = await at(row.key);
      // What is for everyone to see may be told from nothing.
      if (who !== "olga" || row.values === row.key) return [];
      const elsewhere = await at(nowhere(row));
      return there === elsewhere ? [] : [`${who}: ${JSON.stringify(request)}: ${there}`];
    });
    await replace(who, row);
    return (await Promise.all(found)).flat();
  }

  /** Tries to write another row over it. */
  async function replace(who: Attacker, row: Row): Promise<void> {
    const names = [...wordsOf(writableColumns[table]), ...wordsOf(givenAtFirst[table])];
    const change = columns.filter(({ name }) => names.includes(name) && !(name in row.key));
    const other = Object.fromEntries(change.map((column) => [column.name, another(column, row)]));
    const keys = Object.keys(row.key).join(",");
    const prefer = "resolution=merge-duplicates,missing=default";
    for (const body of [
      { ...row.values, ...other },
      { ...row.key, ...other },
    ]) {
      await ask(all, who, `${path}?on_conflict=${keys}`, { body: [body], headers: { prefer } });
      await ask(all, who, `${path}?${filterOf(row.key)}`, { method: "PUT", body });
    }
  }
});

test("T05 not even the owner writes a column that is the database's to write", async () => {
  const owners: Record<string, Attacker> = {
    ...{ properties: "ana", property_images: "ana", property_blocks: "ana" },
  };
  const accepted = everyTable.flatMap(({ name: table, columns }) => {
    const change = wordsOf(writableColumns[table]);
    const give = [...change, ...wordsOf(givenAtFirst[table])];
    const who = owners[table] ?? "gil";
    return columns.flatMap((column) => [
      change.includes(column.name) ? [] : accepts(who, "PATCH", table, column),
      give.includes(column.name) ? [] : accepts(who, "POST", table, column),
    ]);
  });
  expect((await Promise.all(accepted)).flat()).toEqual([]);
});

test("T04 nobody changes or deletes whatever there is by naming nothing", async () => {
  const tries = everyTable.flatMap(({ name, columns }) => {
    const [column] = wordsOf(writableColumns[name] ?? columns[0]!.name);
    const body = { [column!]: null };
    return (["olga", "ada"] as const).flatMap((who) => [
      ask(all, who, `/rest/v1/${name}`, { method: "PATCH", body }),
      ask(all, who, `/rest/v1/${name}`, { method: "DELETE" }),
    ]);
  });
  const codes = (await Promise.all(tries)).map(({ body }) => JSON.parse(body).code);
  expect(codes.filter((code) => !["42501", "21000"].includes(code))).toEqual([]);
});

/** Nothing when a value for the column is refused as such; else what was answered. */
async function accepts(
  who: Attacker,
  method: "PATCH" | "POST",
  table: string,
  column: Column,
): Promise<string[]> {
  const row = known.find((row) => row.table === table)!;
  const where = method === "PATCH" ? `?${filterOf(row.key)}` : "";
  const body = { [column.name]: another(column, row) };
  const { status, body: answer } = await ask(all, who, `/rest/v1/${table}${where}`, {
    ...{ method, body },
  });
  // By grant, or because it is computed (428C9).
  const isRefused = /"code":"(42501|428C9)"/.test(answer);
  return isRefused ? [] : [`${who}: ${method} ${table}.${column.name}: ${status} ${answer}`];
}
