import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { parseLook } from "./avatars.ts";
import { parseSubject } from "./covers/cover.ts";
import { Random } from "./random.ts";

/** Something to be read out of a few words, by a function that knows them. */
const words = <T>(read: (words: string) => T | undefined) =>
  z.string().transform((value, context) => {
    const found = read(value);
    if (found === undefined) context.addIssue({ code: "custom", message: `unknown: ${value}` });
    return found as T;
  });

const Person = z.strictObject({
  name: z.string(),
  login: z.string().regex(/^[a-z]+$/),
  role: z.enum(["admin", "customer_service"]).optional(),
  countries: z.array(z.string()).default([]),
  look: words(parseLook).optional(),
});
const Home = z.strictObject({
  title: z.string(),
  city: z.string(),
  category: z.string(),
  rooms: z.tuple([z.int(), z.int(), z.int()]),
  price: z.int(),
  cover: words(parseSubject),
  status: z.enum(["draft", "listed", "archived"]).default("listed"),
  since: z.int().optional(),
  description: z.string().transform((text) => text.trim().replaceAll("\n", " ")),
});
const People = z.strictObject({
  demo: z.array(Person),
  host: z.array(Person),
  guest: z.array(Person),
});

export type Person = z.infer<typeof Person> & { id: string };
export type Home = z.infer<typeof Home> & {
  id: string;
  country: string;
  host: Person;
  /** For how many days it has been there. */
  since: number;
};

const read = (file: string) => parse(readFileSync(join(import.meta.dirname, file), "utf8"));

/** An id that is the same every time, and says at a glance that it was seeded. */
export function seedId(kind: "person" | "home" | "image" | "stay" | "block", number: number) {
  const first = { person: "a", home: "b", image: "c", stay: "d", block: "e" }[kind];
  return `${first}0000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** Everybody: the demo accounts are 1 to 4, hosts begin at 101 and guests at 201. */
export function readPeople(): Person[] {
  const { demo, host, guest } = People.parse(read("people.toml"));
  const numbered = (people: z.infer<typeof Person>[], first: number) =>
    people.map((person, index) => ({ ...person, id: seedId("person", first + index) }));
  return [...numbered(demo, 1), ...numbered(host, 101), ...numbered(guest, 201)];
}

/** All homes, each with its host. */
export function readHomes(people: Person[]): Home[] {
  const countries = z.record(z.string(), z.array(Home)).parse(read("homes.toml"));
  const homes = Object.entries(countries).flatMap(([country, list]) => {
    const host = people.find((person) => person.countries.includes(country));
    if (!host) throw new Error(`people.toml: nobody lets homes in ${country}.`);
    return list.map((home) => ({ ...home, country, host }));
  });
  const random = new Random("homes");
  return homes.map((home, index) => ({
    ...home,
    id: seedId("home", index + 1),
    since: home.since ?? random.integer(2, 640),
  }));
}
