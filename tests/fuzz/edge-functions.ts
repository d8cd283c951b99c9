import { globSync } from "node:fs";
import fc from "fast-check";
import { stack } from "../api/actors.ts";
import { type Call, callers } from "./calls.ts";
import { contentOf, type Field } from "./values.ts";

const field = (name: string, type = "text"): Field => ({ name, type, labels: [] });

/** What a function reads. One that is not listed is sent anything. */
const fieldsOf: Record<string, Field[]> = {
  checkout: [field("reservation_id", "uuid")],
  contact: ["name", "address", "subject", "message"].map((name) => field(name)),
  "daily-report": [field("date", "date")],
};

/** Calls of every edge function. */
export async function edgeFunctions(ids: string[]): Promise<fc.Arbitrary<Call>[]> {
  return globSync("supabase/functions/*/index.ts").map((file) => {
    const name = file.split("/")[2]!;
    const content = contentOf(fieldsOf[name] ?? [], ids);
    return fc
      .tuple(fc.constantFrom(...callers), method, rest, headers, content)
      .map(([by, method, rest, headers, content]) => {
        return { by, method, path: `/functions/v1/${name}${rest}`, headers, ...content };
      });
  });
}

const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const method = mostly("POST", "GET", "PUT", "PATCH", "DELETE", "HEAD");
const rest = mostly("", "/", "/a/b", "/%00", "?a=%ff", "/../jobs");
const strange = fc.record(
  {
    "content-type": fc.constantFrom("text/plain", "multipart/form-data", "x"),
    "stripe-signature": fc.oneof(
      fc.constantFrom("t=1,v1=00", "t=,v1=", "v1", "t=99999999999999999999,v1=00", "t=-1"),
      fc.string({ maxLength: 80 }).map((text) => text.trim()),
    ),
    "x-request-id": fc.constantFrom("a".repeat(5000), "{}", "a b"),
    authorization: fc.constantFrom("Bearer", "Bearer nonsense", "Basic eDp4", "Bearer a.b.c"),
    apikey: fc.constantFrom("nonsense", "sb_secret_nonsense", "", stack.publishableKey),
  },
  { requiredKeys: [] },
);
const headers = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, strange);
