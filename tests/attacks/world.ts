import { randomInt } from "node:crypto";
import type { ISql } from "postgres";
import { type Actor, database, inDays, service, signUp, unwrap } from "../api/actors.ts";
import { primaryKeys } from "./catalog.ts";

/**
 * What the attacks have in common: people, and something in each table of the API that belongs to
 * some of them. Ana hosts and Gil is her guest; Olga is a stranger to both; Cleo is the agent who has
 * Gil's inquiry, Dirk another one, and Ada an admin.
 */

const names = ["ana", "gil", "olga", "cleo", "dirk", "ada"] as const;
type Name = (typeof names)[number];
/** Somebody who has not signed in, or one of them. */
export type Attacker = "visitor" | Name;
type People = Record<Name, Actor>;

/** A row that is not for everybody to see. */
export type Row = {
  table: string;
  /** Its primary key. */
  key: Record<string, string>;
  values: Record<string, unknown>;
  /** What nobody can say who has not read it. */
  secrets: string[];
  hiddenFrom: Attacker[];
};

export type World = {
  people: People;
  /** Stands in everything that is somebody's own. */
  mark: string;
  /** Ana's home, for everyone to see, and a draft of hers, for nobody. */
  home: string;
  draft: string;
  /** Another home for everyone to see, which nobody booked, and its image. */
  spare: string;
  picture: string;
  rows: Row[];
  /** Paths of files: Gil's invoice and avatar, a report, and the image of the draft. */
  files: Record<"invoice" | "avatar" | "report" | "image", string>;
};

let built: Promise<World> | undefined;

/** The world of this run. */
export function world(): Promise<World> {
  built ??= build();
  return built;
}

/** The row of a table that is hidden from most. */
export function rowOf({ rows }: World, table: string): Row {
  return rows.find((row) => row.table === table)!;
}

/** The filter by which the Data API finds a row. */
export function filterOf(key: Row["key"]): string {
  return Object.entries(key)
    .map(([column, value]) => `${column}=eq.${value}`)
    .join("&");
}

/** The key of no row at all, like that of this one. */
export function nowhere({ key }: Row): Row["key"] {
  const other = (value: string) => (value.length === 36 ? crypto.randomUUID() : "0999-01-01");
  return Object.fromEntries(Object.entries(key).map(([name, value]) => [name, other(value)]));
}

/** All that is stored of the people of this world. */
export async function stored(world: World): Promise<unknown> {
  const ids = Object.values(world.people).map(({ id }) => id);
  const rows = world.rows.map(async ({ table, key }) => {
    const [column, value] = Object.entries(key)[0]!;
    return await database`
      select to_jsonb(t) from public.${database(table)} t where ${database(column)}::text = ${value}
      order by 1`;
  });
  const people = database`
    select to_jsonb(p) as profile, to_jsonb(r) as role, u.email, u.encrypted_password
    from public.profiles p
    join public.user_roles r on r.user_id = p.id
    join auth.users u on u.id = p.id
    where p.id in ${database(ids)} order by p.id`;
  const homes = database`
    select to_jsonb(p) as home, to_jsonb(i) as image
    from public.properties p left join public.property_images i on i.property_id = p.id
    where host_id in ${database(ids)} order by p.id, i.id`;
  const reference = database`select * from public.categories natural full join public.countries`;
  return [await people, await homes, await reference, ...(await Promise.all(rows))];
}

async function build(): Promise<World> {
  const mark = `canary${crypto.randomUUID().replaceAll("-", "")}`;
  const signedUp = names.map(async (name) => [name, await signUp(`${name} ${mark.slice(6, 14)}`)]);
  const people: People = Object.fromEntries(await Promise.all(signedUp));
  const { gil, cleo, dirk, ada } = people;
  await database`
    update public.user_roles set role = 'customer_service' where user_id in (${cleo.id}, ${dirk.id})`;
  await database`update public.user_roles set role = 'admin' where user_id = ${ada.id}`;
  // Written again at a time that stands nowhere else.
  await database`update public.user_roles set role = 'user' where user_id = ${gil.id}`;
  const told = await database.begin((sql) => tell(sql, people, mark));
  return { people, mark, ...told, files: await store(people, told, mark) };
}

const outsiders: Attacker[] = ["visitor", "olga"];
const staff: Attacker[] = ["cleo", "dirk", "ada"];

/** Writes the rows, as an operator: nothing is mailed, and nobody works on them. */
async function tell(sql: ISql, { ana, gil, cleo }: People, mark: string) {
  const keys = await primaryKeys();
  const rows: Row[] = [];
  // Each row has its own mark, so that it is told from those that one may see.
  const own = (letter: string) => mark + letter;
  async function add(table: string, values: object, ...hiddenFrom: Attacker[]) {
    const [row] = await sql`
      insert into public.${sql(table)} ${sql(values)} returning to_jsonb(${sql(table)}) as values`;
    return keep(table, row!.values, hiddenFrom);
  }
  function keep(table: string, values: Record<string, string>, hiddenFrom: Attacker[]) {
    const key = Object.fromEntries(keys[table]!.map((column) => [column, values[column]!]));
    if (hiddenFrom.length)
      rows.push({ table, key, values, secrets: secretsOf(values), hiddenFrom });
    return values as Record<string, string> & { id: string };
  }

  await sql`select set_config('djanobnb.seeding', 'on', true)`;
  const [role] = await sql`
    select to_jsonb(r) as values from public.user_roles r where user_id = ${gil.id}`;
  keep("user_roles", role!.values, [...outsiders, "ana"]);

  const listing = {
    host_id: ana.id,
    category: "cabin",
    country_code: "IE",
    price_per_night: 10_000,
  };
  const published = { title: "A cottage", city: "Cork", guests: 4 };
  const home = await add("properties", { ...listing, ...published });
  const spare = await add("properties", { ...listing, ...published });
  const shown = { property_id: spare.id, path: `${ana.id}/${spare.id}/cover.png`, position: 0 };
  const picture = await add("property_images", shown);
  const hidden = { title: own("a"), description: own("a"), city: own("a"), status: "draft" };
  const draft = await add("properties", { ...listing, ...hidden }, ...outsiders, "gil");
  const path = `${ana.id}/${draft.id}/${mark}.png`;
  const image = { property_id: draft.id, path, alt_text: own("b"), position: 0 };
  await add("property_images", image, ...outsiders, "gil");
  const block = { check_in: inDays(50), check_out: inDays(52), note: own("c") };
  await add("property_blocks", { property_id: home.id, ...block }, ...outsiders, "gil", ...staff);
  const favorite = { user_id: gil.id, property_id: home.id, created_at: momentAgo() };
  await add("favorites", favorite, ...outsiders, "ana", ...staff);

  const price = { price_per_night: 10_000, subtotal: 20_000, service_fee: 1_000, currency: "usd" };
  const stay = { property_id: home.id, guest_id: gil.id, guests: 2, ...price };
  const held = { status: "held", hold_expires_at: new Date(Date.now() + 2_000_000) };
  const ahead = (days: number) => ({ check_in: inDays(days), check_out: inDays(days + 2) });
  const booked = { ...stay, ...ahead(10), status: "confirmed" };
  const reservation_id = (await add("reservations", booked, ...outsiders)).id;
  await add("reservations", { ...stay, ...ahead(20), ...held }, ...outsiders);
  const money = { reservation_id, user_id: gil.id, currency: "usd" };
  const paid = { amount: 21_000, status: "paid", paid_at: new Date() };
  const session = { stripe_checkout_session_id: `cs_${own("d")}` };
  const payment = await add("payments", { ...money, ...paid, ...session }, ...outsiders, "ana");
  const invoice = {
    ...{
      ...money,
      payment_id: payment.id,
      subtotal: 21_000,
      tax: 0,
      total: 21_000,
      kind: "invoice",
    },
    // Of a year that no series of numbers has.
    number: `1900-${randomInt(1e6, 1e12)}`,
    ...{ seller: {}, buyer: sql.json({ name: own("e") }), lines: sql.json([]) },
  };
  await add("invoices", invoice, ...outsiders, "ana");
  await sql`
    insert into private.checkouts (payment_id, expires_at, purpose, payment_intent_id)
    values (${payment.id}, now(), 'booking', ${`pi_${own("d")}`})`;
  const report = { report_date: `${randomInt(1000, 1900)}-01-01`, created_at: momentAgo() };
  await sql`delete from public.daily_reports where report_date = ${report.report_date}`;
  await add("daily_reports", report, ...outsiders, "ana", "gil", "cleo", "dirk");

  const notHers = [...outsiders, "ana", "dirk"] as const;
  const question = { user_id: gil.id, subject: own("f"), message: own("f"), status: "pending" };
  const mine = { assigned_to: cleo.id, assigned_at: new Date() };
  const inquiry = await add("inquiries", { ...question, ...mine }, ...notHers);
  const said = { inquiry_id: inquiry.id, author_id: gil.id, author_role: "user", body: own("g") };
  await add("inquiry_messages", said, ...notHers);
  const note = {
    author_id: cleo.id,
    author_role: "customer_service",
    body: own("h"),
    internal: true,
  };
  await add("inquiry_messages", { ...said, ...note }, ...notHers, "gil");
  const step = {
    inquiry_id: inquiry.id,
    change: "severity",
    to_value: own("i"),
    actor_id: cleo.id,
  };
  await add("inquiry_events", step, ...notHers, "gil");
  return { home: home.id, draft: draft.id, spare: spare.id, picture: picture.id, rows };
}

/** A time within the last day that nobody can guess. */
function momentAgo(): Date {
  return new Date(Date.now() - randomInt(86_400_000));
}

/** What tells this row from all others: its id and mark, or else the time at which it was made, to the microsecond. */
function secretsOf(values: Record<string, string>): string[] {
  const marks = JSON.stringify(values).match(/canary\w+/g) ?? [];
  const moment = values.updated_at ?? values.created_at!;
  return [...new Set([...marks, values.id ?? moment.slice(11, 26)])];
}

async function store({ ana, gil }: People, { draft }: { draft: string }, mark: string) {
  const files = {
    invoice: `${gil.id}/${mark}.pdf`,
    avatar: `${gil.id}/${mark}.png`,
    report: `${mark}.csv`,
    image: `${ana.id}/${draft}/${mark}.png`,
  };
  const put = async (
    by: Pick<Actor, "client">,
    bucket: string,
    path: string,
    contentType: string,
  ) =>
    unwrap(await by.client.storage.from(bucket).upload(path, Buffer.from(mark), { contentType }));
  const operator = { client: service() };
  await Promise.all([
    put(operator, "invoices", files.invoice, "application/pdf"),
    put(operator, "reports", files.report, "text/csv"),
    put(gil, "avatars", files.avatar, "image/png"),
    put(ana, "property-images", files.image, "image/png"),
  ]);
  return files;
}
