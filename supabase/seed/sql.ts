type Value = string | number | null;

function literal(value: Value): string {
  if (value === null) return "null";
  return typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`;
}

/** `values (…), (…)`, one row a line. */
export function values(rows: Value[][]): string {
  return `values\n${rows.map((row) => `  (${row.map(literal).join(", ")})`).join(",\n")}`;
}

/**
 * An insert of the columns of `into`, each computed by its expression from `rows`, whose columns are
 * called and typed as `from` says. A null in the first row needs that type.
 */
export function insert(
  table: string,
  into: Record<string, string>,
  from: Record<string, string>,
  rows: Value[][],
  join = "",
): string {
  const names = Object.keys(from).join(", ");
  // The first row names the types, as a values list has no other place for them.
  const types = Object.values(from);
  const [first = [], ...rest] = rows;
  const typed = `(${first.map((value, index) => `${literal(value)}::${types[index]}`).join(", ")})`;
  const others = rest.map((row) => `(${row.map(literal).join(", ")})`);
  return [
    `insert into ${table} (${Object.keys(into).join(", ")})`,
    `select ${Object.values(into).join(", ")}`,
    `from (values\n  ${[typed, ...others].join(",\n  ")}`,
    `) as given (${names})${join};`,
  ].join("\n");
}
