import { cpus, loadavg, totalmem } from "node:os";

/** What was measured, and whether it is as it should be. */
export type Row = { what: string; figure: string; limit: string; isKept: boolean };

/** A row's limit: less than that. */
export function below(value: number, most: number, unit: string): Pick<Row, "limit" | "isKept"> {
  return { limit: `below ${most} ${unit}`, isKept: value < most };
}

/** A row's limit: that much or more. */
export function atLeast(value: number, least: number, unit: string): Pick<Row, "limit" | "isKept"> {
  return { limit: `at least ${least} ${unit}`, isKept: value >= least };
}

/** The value below which that share of them lies. */
export function percentile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
}

/** The machine, its database server, and what else goes on there now. */
export function machine(sharedBuffers?: string): string {
  const [load] = loadavg();
  const buffers = sharedBuffers ? ` with shared_buffers = ${sharedBuffers}` : "";
  const memory = (totalmem() / 2 ** 30).toFixed();
  return (
    `${cpus().length} cores (${cpus()[0]!.model.trim()}), ${memory} GB of memory, Node ${process.version}, ` +
    `PostgreSQL 17${buffers}, load average ${load!.toFixed(1)} before.`
  );
}

/** The rows as a table, with the limits that are missed. */
export function table(rows: Row[]): string {
  const lines = rows.map(
    ({ what, figure, limit, isKept }) =>
      `| ${what} | ${figure} | ${limit}${isKept ? "" : ": **missed**"} |`,
  );
  return ["| | | limit |", "| --- | ---: | --- |", ...lines].join("\n");
}
