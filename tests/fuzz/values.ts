import fc from "fast-check";

/** Stands for what is too long, or no JSON, to be printed when a call fails; see `write`. */
const marks = {
  "<a megabyte>": () => JSON.stringify("a".repeat(1_000_000)),
  "<a thousand emoji>": () => JSON.stringify("🏡".repeat(1000)),
  // Deeper than that Postgres says 54001, which PostgREST takes for a fault of the server.
  "<five hundred deep>": () => "[".repeat(500) + "]".repeat(500),
  "<NaN>": () => "NaN",
  "<2^63>": () => "9223372036854775808",
  "<1e400>": () => "1e400",
  "<a hundred digits>": () => "9".repeat(100),
};

/** The JSON of a value, with all that is marked in it. */
export function write(value: unknown): string {
  const json = JSON.stringify(value) ?? "";
  return json.replaceAll(/"(<[^"<>]*>)"/g, (text, mark) =>
    Object.hasOwn(marks, mark) ? marks[mark as keyof typeof marks]() : text,
  );
}

/** Texts that have broken programs before. */
const text = fc.oneof(
  fc.constantFrom(
    ...[
      "",
      " ",
      "\0",
      "a\0b",
      "\ud800",
      "\udfff\ud800",
      "\u202egnp.exe",
      "שלום عليكم",
      "👩‍👩‍👧‍👦",
      "e\u0301",
    ],
    ...["%", "_", "\\", "'", '"', "$1", "$$", "';--", "{}", "{a,b}", "(1,2)", "[1,2)", "null"],
    ...["\r\nX-Header: 1", "=1+1", "<b>", "../..", "\u2028", "\ufeff", "*", "a.b", "a,b", "a:b"],
    ...["true", "NaN", "Infinity", "1e9", "0x10", "__proto__", "constructor"],
    ...["<a megabyte>", "<a thousand emoji>"],
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 12 }),
);

const number = fc.oneof(
  fc.integer({ min: -3, max: 60 }),
  fc.constantFrom(
    ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 32_767, 32_768, 2 ** 53, 1e308, -1e308],
    ...[0.1, 1.5, -0, 1e-300, 99_999_999, 100_000_000, "12", "-1", " 7 ", "1_000", "0b1"],
    ...["<NaN>", "<2^63>", "<1e400>", "<a hundred digits>"],
  ),
);

const inDays = (days: number) =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const date = fc.oneof(
  fc.integer({ min: -2, max: 400 }).map(inDays),
  fc.constantFrom(
    ...["0001-01-01", "9999-12-31", "infinity", "-infinity", "0001-01-01 BC", "4714-11-24 BC"],
    ...["5874897-12-31", "5874898-01-01", "2026-02-30", "2026-13-01", "2024-02-29", "epoch"],
    ...["today", "now", "2026-W01-1", "20260101", "1/2/2026", "0000-01-01", "294276-12-31"],
    ...["2026-01-01T00:00:00Z", "2026-01-01 25:00", "2026-01-01T00:00:00+99:00", "allballs"],
  ),
);

const uuid = (ids: string[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...ids) },
    fc.uuid(),
    fc.constantFrom(
      ...["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
      ...["{00000000-0000-0000-0000-000000000000}", "00000000", "not-a-uuid", ""],
    ),
  );

const boolean = fc.constantFrom(true, false, "true", "yes", "maybe", 0, 1, "");

/** Anything that JSON can say, and a little more. */
export const anything = fc.oneof(
  ...[text, number, date, boolean, fc.constant(null), fc.constant("<five hundred deep>")],
  fc.jsonValue({ maxDepth: 4 }),
);

/** A value for an argument or column of that type: mostly one that fits, else one that nearly does. */
export function valueFor(type: string, labels: string[], ids: string[]): fc.Arbitrary<unknown> {
  const fitting = fittingFor(type, labels, ids);
  return fc.oneof({ weight: 8, arbitrary: fitting }, { weight: 1, arbitrary: anything });
}

function fittingFor(type: string, labels: string[], ids: string[]): fc.Arbitrary<unknown> {
  if (type.endsWith("[]")) {
    return fc.array(valueFor(type.slice(0, -2), labels, ids), { maxLength: 4 });
  }
  if (labels.length) return fc.oneof(fc.constantFrom(...labels), text);
  if (type === "uuid") return uuid(ids);
  if (type === "boolean") return boolean;
  if (type === "date" || type.startsWith("timestamp")) return date;
  if (/^(integer|smallint|bigint|numeric)$/.test(type)) return number;
  return text;
}

/** An argument, column or field: its type as Postgres writes it, and its labels if it is an enum. */
export type Field = { name: string; type: string; labels: string[] };

/** What may be sent for these fields: mostly an object with some or all, else whatever comes. */
export function contentOf(
  fields: Field[],
  ids: string[],
): fc.Arbitrary<{ body?: unknown; raw?: string }> {
  const values = Object.fromEntries(
    fields.map(({ name, type, labels }) => [name, valueFor(type, labels, ids)]),
  );
  const some = fc.record(values, { requiredKeys: [] });
  const strange = fc.oneof(
    fc.tuple(some, anything).map(([some, unknown]) => ({ ...some, unknown })),
    fc.array(some, { maxLength: 3 }),
    anything,
  );
  return fc.oneof(
    { weight: 12, arbitrary: fc.oneof(fc.record(values), some).map((body) => ({ body })) },
    { weight: 2, arbitrary: strange.map((body) => ({ body })) },
    { weight: 1, arbitrary: notJson.map((raw) => ({ raw })) },
  );
}

/** Bodies that are no JSON, or more than one. */
const notJson = fc.constantFrom("", " ", "{", "nonsense", "\0", '{"a":1}{}', "[1,]", "\ufeff{}");

/** A value as it stands in a filter of an address. */
export function inAddress(value: unknown): string {
  return (typeof value === "string" ? value : write(value)).slice(0, 2000);
}
