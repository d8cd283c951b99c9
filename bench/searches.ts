import type postgres from "postgres";
import { Random } from "../supabase/seed/random.ts";
import { type Call, search } from "./calls.ts";

/** A kind of search; `draw` makes one as somebody would make it who looks for homes like this one. */
export type Kind = {
  name: string;
  /** How long the 95th percentile and the median may take, in milliseconds. */
  limits: { median: number; p95: number };
  draw(about: Subject): Call | Promise<Call>;
};

/** What a search is about: a home drawn by chance, so that what is frequent is drawn often. */
type Subject = {
  home: Sample;
  random: Random;
  firstNight: Date;
  /** The cursor after so many homes of a search. */
  cursorAfter(homes: number, call: Call): Promise<string>;
};
type Sample = Record<
  "host_id" | "country_code" | "category" | "city" | "title" | "name",
  string
> & {
  price_per_night: number;
  guests: number;
};

const quick = { median: 5, p95: 25 };

export const kinds: Kind[] = [
  { name: "front page", limits: quick, draw: () => ({}) },
  { name: "country", limits: quick, draw: ({ home }) => ({ country: home.country_code }) },
  {
    name: "category and guests",
    limits: quick,
    draw: ({ home }) => ({ category: home.category, guests: home.guests }),
  },
  {
    name: "price window, by price",
    limits: quick,
    draw: ({ home, random }) => ({
      min_price: Math.round(home.price_per_night * 0.8),
      max_price: Math.round(home.price_per_night * 1.2),
      sort: random.pick(["price_asc", "price_desc"]),
    }),
  },
  {
    name: "dates in a month",
    limits: quick,
    draw: ({ random, firstNight }) =>
      stay(firstNight, random.integer(0, 90), random.integer(2, 10)),
  },
  { name: "text", limits: quick, draw: ({ home, random }) => ({ query: typed(home, random) }) },
  { name: "host's own", limits: quick, draw: ({ home }) => ({ host: home.host_id }) },
  { name: "second page", limits: quick, draw: (about) => laterPage(about, 24) },
  { name: "twentieth page", limits: quick, draw: (about) => laterPage(about, 19 * 24) },
  {
    name: "a week with 95 % taken",
    limits: { median: 500, p95: 500 },
    draw: ({ firstNight }) => stay(firstNight, 124, 7),
  },
  {
    name: "four months with 99.9 % taken",
    limits: { median: 500, p95: 500 },
    draw: ({ firstNight }) => stay(firstNight, 0, 131),
  },
];

function stay(firstNight: Date, after: number, nights: number): Call {
  const day = (days: number) => new Date(firstNight.getTime() + days * 86_400_000).toISOString();
  return { check_in: day(after).slice(0, 10), check_out: day(after + nights).slice(0, 10) };
}

/** Words of a home as somebody types them who has such a one in mind. */
function typed({ city, title, name }: Sample, random: Random): string {
  const [adjective, kind] = title.split(" ");
  const feature = title.slice(title.indexOf(" with ") + 6, title.indexOf(" in "));
  const ways = [
    city,
    city.slice(0, -3),
    `${kind} ${city}`,
    `${adjective} ${kind}`,
    `${feature} ${city.split(" ")[0]}`,
    `${adjective} ${feature}`,
    name,
    `${name.slice(0, 5)} ${kind}`,
  ];
  return random.pick(ways).toLowerCase();
}

/** The page that begins after so many homes, in any order. */
async function laterPage({ random, cursorAfter }: Subject, homes: number): Promise<Call> {
  const call: Call = random.pick<Call>([
    {},
    { sort: "price_asc" },
    { sort: "price_desc" },
    { category: "apartment" },
  ]);
  return { ...call, page_cursor: await cursorAfter(homes, call) };
}

/** Draws so many searches of a kind, the same ones in every run. */
export async function drawCalls(sql: postgres.Sql, kind: Kind, count: number): Promise<Call[]> {
  const random = new Random(kind.name);
  const [run] = await sql<{ homes: number; first_night: Date }[]>`
    select homes::integer, first_night from bench.run`;
  const { homes, first_night: firstNight } = run!;
  const places = Array.from({ length: count }, () => random.integer(1, homes));
  const samples = await sql<Sample[]>`
    select p.*, substring(p.description from 'Welcome to (\\w+)') as name
    from unnest(${places}::integer[]) place
    join public.properties p on p.id = bench.id('home', place)`;
  const cursorAfter = async (rows: number, call: Call) => {
    let after: Call = {};
    for (let left = rows; left > 0; left -= 100) {
      const page = { ...call, ...after, page_size: Math.min(left, 100) };
      after = { page_cursor: (await search(sql, { role: "postgres" }, page)).at(-1)!.page_cursor };
    }
    return after.page_cursor as string;
  };
  const calls: Call[] = [];
  for (const home of samples) {
    calls.push(await kind.draw({ home, random, firstNight, cursorAfter }));
  }
  return calls;
}
