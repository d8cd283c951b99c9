import fc from "fast-check";
import { expect, test } from "vitest";
import { openWorld, timeout, tryCalls } from "./calls.ts";
import { databaseFunctions } from "./database-functions.ts";
import { edgeFunctions } from "./edge-functions.ts";
import { tables } from "./tables.ts";

const world = openWorld();

test.each([
  { what: "Every table", read: tables, atLeast: 10 },
  { what: "Every function of the database", read: databaseFunctions, atLeast: 10 },
  { what: "Every edge function", read: edgeFunctions, atLeast: 5 },
])(
  "$what answers whatever is sent to it",
  async ({ read, atLeast }) => {
    const calls = await read(world.ids);
    expect(calls.length).toBeGreaterThanOrEqual(atLeast);
    await tryCalls(world, fc.oneof(...calls));
  },
  timeout,
);
