import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { database, demo, list, signUp } from "./actors.ts";
import { Crowd, crowdStep } from "./books-crowd.ts";
import { type Cast, World } from "./books-world.ts";
import { brokenRules } from "./rules.ts";
import { stripeBooks } from "./stays.ts";

/**
 * How many stories are played. Without it, as many as fit into a few seconds, the same ones each
 * time; `BOOKS_RUNS=5000` plays so many that nobody has heard yet.
 */
const runs = Number(process.env.BOOKS_RUNS ?? 0);
const seed = runs ? Date.now() : 1;
const seconds = 8;

let cast: Cast;
beforeAll(async () => {
  const [host, agent, ...guests] = await Promise.all([
    signUp("Ana"),
    demo("agent"),
    ...["Gil", "Olga", "Bo"].map(signUp),
  ]);
  const homes = [await list(host), await list(host, { price_per_night: 99_999 })];
  cast = {
    host: host.id,
    agent: agent.id,
    guests: guests.map(({ id }) => id),
    homes: homes.map(({ id }) => id),
  };
});
afterAll(() => database.end());

/** What may happen, how often, and the numbers that pick what it happens to. */
const steps = {
  book: [4, fc.tuple(fc.nat(2), fc.nat(1), fc.nat(7), fc.nat(2))],
  reserve: [6, fc.tuple(fc.nat(2), fc.nat(1), fc.nat(7), fc.nat(2))],
  checkout: [6, fc.tuple(fc.nat(9), fc.constantFrom("well", "well", "unnoted", "unreached"))],
  pay: [6, fc.tuple(fc.nat(9), fc.constantFrom("now", "now", "later"))],
  settle: [2, fc.tuple(fc.nat(9), fc.boolean())],
  deliver: [9, fc.tuple(fc.nat(30))],
  work: [5, fc.tuple(fc.nat(9), fc.boolean())],
  lapse: [3, fc.tuple(fc.nat(9))],
  expire: [1, fc.tuple()],
  close: [1, fc.tuple(fc.nat(9))],
  release: [1, fc.tuple(fc.nat(9))],
  cancel: [3, fc.tuple(fc.nat(9), fc.constantFrom("guest", "guest", "host", "agent"))],
  refund: [2, fc.tuple(fc.nat(9), fc.constantFrom(0.1, 0.5, 1))],
  dispute: [1, fc.tuple(fc.nat(9))],
  decide: [1, fc.tuple(fc.nat(9), fc.constantFrom("won", "lost"))],
  block: [1, fc.tuple(fc.nat(1), fc.nat(7))],
} as const satisfies Partial<Record<keyof World, [number, fc.Arbitrary<unknown[]>]>>;
type Step = [keyof typeof steps, ...unknown[]];

const story = fc.array(
  fc.oneof(
    ...Object.entries(steps).map(([name, [weight, numbers]]) => ({
      weight,
      arbitrary: (numbers as fc.Arbitrary<unknown[]>).map((args) => [name, ...args] as Step),
    })),
  ),
  { minLength: 10, maxLength: 50, size: "max" },
);

/** Ends a transaction that is to leave nothing behind. */
class Undo extends Error {}

/** Plays a story and gives the rules that are broken at its end. */
async function play(happenings: Step[]): Promise<unknown[]> {
  let broken: unknown[] = [];
  const played = database.begin(async (sql) => {
    const world = new World(sql, cast);
    for (const [name, ...args] of happenings) {
      await (world[name] as (...args: unknown[]) => Promise<void>)(...args);
    }
    await world.settleDown();
    broken = await brokenRules(sql, world.books(), cast.homes, World.day);
    throw new Undo();
  });
  await played.catch((error) => {
    if (!(error instanceof Undo)) throw error;
  });
  return broken;
}

test("whatever happens in whatever order, the books are right", { timeout: 0 }, async () => {
  let played = 0;
  await fc.assert(
    fc.asyncProperty(story, async (happenings) => {
      expect(await play(happenings)).toEqual([]);
      played++;
    }),
    runs
      ? { seed, numRuns: runs }
      : { seed, numRuns: 10_000, interruptAfterTimeLimit: seconds * 1000 },
  );
  console.log(`${played} stories played`);
  expect(played).toBeGreaterThan(50);
});

test("four guests at once, with the real functions, worker and webhooks", {
  timeout: 0,
}, async () => {
  const crowd = await Crowd.gather(4);
  const before = await deadlocks();
  const plan = fc.array(crowdStep, { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 4, maxLength: 4 }), async (plans) => {
      const started = new Date();
      await Promise.all(plans.map((steps, guest) => crowd.act(guest, steps)));
      await crowd.settleDown();
      const books = await stripeBooks(crowd.reservationIds);
      const homes = crowd.homes.map(({ id }) => id);
      const broken = await brokenRules(database, books, homes, [started, new Date("2040-01-01")]);
      expect(broken).toEqual([]);
    }),
    { seed, numRuns: runs ? Math.ceil(runs / 100) : 2, endOnFailure: true },
  );
  expect(await deadlocks()).toBe(before);
});

async function deadlocks(): Promise<number> {
  const [row] = await database`
    select deadlocks::integer from pg_stat_database where datname = current_database()`;
  return row!.deadlocks;
}
