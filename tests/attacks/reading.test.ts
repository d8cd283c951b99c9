import { describe, expect, test } from "vitest";
import { stack } from "../api/actors.ts";
import { ask, leaks, send, told } from "./ask.ts";
import { foreignKeys, tables } from "./catalog.ts";
import { type Attacker, filterOf, nowhere, type Row, world } from "./world.ts";

/** Reading what is another's, in all the ways in which the Data API can be asked. */

const all = await world();
const columnsOf = Object.fromEntries(
  (await tables()).map(({ name, columns }) => [name, columns.map((column) => column.name)]),
);
const forEveryone = ["categories", "countries", "profiles"];
const hiddenTables = Object.keys(columnsOf).filter((name) => !forEveryone.includes(name));
const rowsOf = (table: string) => all.rows.filter((row) => row.table === table);

const isOutsider = (who: Attacker) => who === "visitor" || who === "olga";

test("T01 every table of the API is attacked, or said to be for everyone", () => {
  expect([...new Set(all.rows.map(({ table }) => table))].sort()).toEqual(hiddenTables);
});

describe.each(hiddenTables)("of %s", (table) => {
  const path = `/rest/v1/${table}`;
  const shapes: { query: (row: Row) => string; headers?: Record<string, string> }[] = [
    { query: () => "select=*" },
    { query: ({ key }) => `select=*&${filterOf(key)}` },
    { query: ({ key }) => `${filterOf(key)}&limit=1`, headers: { accept: "text/csv" } },
    {
      query: ({ key }) => `or=(and(${filterOf(key).replaceAll("=", ".").replaceAll("&", ",")}))`,
      headers: { accept: "application/vnd.pgrst.object+json", prefer: "count=exact" },
    },
  ];

  test("T01 nobody reads the rows of others", async () => {
    const tries = rowsOf(table).flatMap((row) =>
      row.hiddenFrom.flatMap((who) =>
        // Whoever is nobody to all tries everything.
        (isOutsider(who) ? shapes : shapes.slice(1, 2)).map((shape) => ({ row, who, ...shape })),
      ),
    );
    const answers = tries.map(async ({ row, who, query, headers = {} }) =>
      leaks(await ask(all, who, `${path}?${query(row)}`, { headers }), row.secrets),
    );
    expect((await Promise.all(answers)).flat()).toEqual([]);
    // Each of these ways leads to the row when one may read it.
    for (const { query, headers } of shapes.slice(1)) {
      const [row] = rowsOf(table);
      const key = { apikey: stack.secretKey };
      const answer = await send(`${path}?${query(row!)}`, { headers: { ...headers, ...key } });
      expect(leaks(answer, row!.secrets), query(row!)).not.toEqual([]);
    }
  });

  test("T02 no filter, order, cast or count tells whether a hidden row is there", async () => {
    const columns = columnsOf[table]!;
    const each = (write: (column: string) => string) => columns.map(write).join(",");
    const shapes = [
      ["", "count=exact"],
      ["", "count=planned"],
      [`or=(${each((name) => `${name}.not.is.null`)})&order=${each((name) => `${name}.desc`)}`, ""],
      [`select=${each((name) => `${name}::integer`)}`, ""],
    ] as const;
    const tries = rowsOf(table).flatMap((row) =>
      row.hiddenFrom.flatMap((who) =>
        (isOutsider(who) ? shapes : shapes.slice(0, 1)).map(([query, prefer]) => ({
          ...{ row, who, query, prefer },
        })),
      ),
    );
    const differences = tries.map(async ({ row, who, query, prefer }) => {
      const look = async (key: Row["key"]) =>
        told(await ask(all, who, `${path}?${filterOf(key)}&${query}`, { headers: { prefer } }));
      const [there, elsewhere] = await Promise.all([look(row.key), look(nowhere(row))]);
      return there === elsewhere ? [] : [`${who}: ${query}: ${there} / ${elsewhere}`];
    });
    expect((await Promise.all(differences)).flat()).toEqual([]);
  });
});

/** Nobody but those concerned sees any row of this table. */
const isAllHidden = (table: string) =>
  hiddenTables.includes(table) && !["properties", "property_images"].includes(table);

test("T03 nothing hidden can be embedded, spread, or filtered by from elsewhere", async () => {
  const keys = await foreignKeys();
  const ways = keys.flatMap(({ name, table, refTable }) => [
    { parent: refTable, child: table, name },
    { parent: table, child: refTable, name },
  ]);
  const found: string[] = [];
  const look = async (who: Attacker, path: string) => {
    const hidden = all.rows.filter(({ hiddenFrom }) => hiddenFrom.includes(who));
    const answer = await ask(all, who, path);
    const secrets = hidden.flatMap((row) => row.secrets);
    found.push(...leaks(answer, secrets).map((secret) => `${who}: ${path}: ${secret}`));
    return answer;
  };
  const { ana, gil, cleo } = all.people;
  const publicRow: Record<string, string> = {
    profiles: `id=in.(${gil.id},${ana.id},${cleo.id})`,
    properties: `id=eq.${all.home}`,
  };
  const attempts = (["visitor", "olga"] as const).flatMap((who) =>
    ways.map(async ({ parent, child, name }) => {
      const [from, of] = [`/rest/v1/${parent}`, publicRow[parent] ?? "limit=50"];
      const embed = `${child}!${name}`;
      await look(who, `${from}?select=*,it:${embed}(*)&order=it(created_at).desc&${of}`);
      if (who === "olga") await look(who, `${from}?select=*,...${embed}(*)&${of}`);
      if (!publicRow[parent] || !isAllHidden(child)) return;
      const inner = await look(who, `${from}?select=id,it:${embed}!inner(*)&${of}`);
      if (inner.status === 200 && inner.body !== "[]") {
        found.push(`${who}: ${parent} by ${embed}: ${inner.body}`);
      }
    }),
  );
  await Promise.all(attempts);
  expect(found).toEqual([]);
  // Who may see it is shown it in the same way.
  const path = `/rest/v1/profiles?select=it:inquiries!inquiries_user_id_fkey!inner(*)&id=eq.${gil.id}`;
  expect((await ask(all, "ada", path)).body).toContain(all.mark);
});
