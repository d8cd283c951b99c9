import fc from "fast-check";
import postgres, { type Sql } from "postgres";
import { startPostgres } from "../../local/postgres.ts";
import { askedToStop } from "../../local/processes.ts";
import { type Settings, StartError } from "../../local/settings.ts";
import { applyMigrations } from "../../local/supabase.ts";
import { type Counts, runDatabaseTests } from "../db.ts";
import { withFreshSettings } from "../stack.ts";
import { explained } from "./explained.ts";
import { readMutants } from "./mutants.ts";
import { trySources } from "./source.ts";
import { type Fate, getToKnow, readTests, tryMutant } from "./trial.ts";

const workers = 2;

/**
 * Takes every rule of the database away, one at a time, each in a transaction that is rolled back,
 * and sees that some pgTAP file notices. Prints the survivors and a table.
 */
export async function runMutations(): Promise<Counts> {
  const interrupted = askedToStop().then(() => Promise.reject(new StartError("Interrupted.")));
  return await withFreshSettings(async (settings) => {
    const database = await startPostgres(settings);
    return await Promise.race([mutate(settings), interrupted]).finally(database.stop);
  });
}

async function mutate(settings: Settings): Promise<Counts> {
  await applyMigrations(settings);
  await runDatabaseTests(settings);
  const fates = await tryAll(settings);
  return judge([...fates, ...(await trySources(settings.root))], true);
}

/**
 * As many mutants as fit into some seconds, on a database that nobody uses: the same ones each time,
 * and others with another `MUTATIONS_SEED`.
 */
export async function sampleMutants({ root, adminDatabaseUrl }: Settings): Promise<Counts> {
  const seed = Number(process.env.MUTATIONS_SEED ?? 1);
  const sql = connect(adminDatabaseUrl);
  try {
    // What is explained takes all tests to see, and is left to the whole run.
    const mutants = (await readMutants(sql)).filter(({ name }) => !(name in explained));
    const inAnyOrder = fc.shuffledSubarray(mutants, { minLength: mutants.length });
    const tests = readTests(root);
    const end = performance.now() + 5000;
    const fates: Fate[] = [];
    for (const mutant of fc.sample(inAnyOrder, { seed, numRuns: 1 })[0]!) {
      fates.push(await tryMutant(sql, mutant, tests));
      if (performance.now() > end) break;
    }
    return judge(fates, false);
  } finally {
    await sql.end();
  }
}

/** Each worker has a copy of the database, since a mutant locks what it changes. */
async function tryAll({ root, adminDatabaseUrl }: Settings): Promise<Fate[]> {
  const copies = Array.from({ length: workers }, (_, number) => `mutants_${number}`);
  const admin = connect(adminDatabaseUrl);
  for (const copy of copies) {
    await admin.unsafe(`create database ${copy} template postgres owner postgres`);
  }
  await admin.end();
  const connections = copies.map((copy) => connect(adminDatabaseUrl.replace(/\w+$/, copy)));
  const mutants = (await readMutants(connections[0]!)).values();
  const fates: Fate[] = [];
  const work = async (sql: Sql) => {
    const tests = readTests(root);
    await getToKnow(sql, tests);
    for (const mutant of mutants) {
      const fate = await tryMutant(sql, mutant, tests);
      if (!fate.noticedBy) console.log(`Survived so far: ${mutant.name}`);
      fates.push(fate);
      if (fates.length % 50 === 0) console.log(`${fates.length} mutants tried`);
    }
    await sql.end();
  };
  await Promise.all(connections.map(work));
  return fates;
}

/** Prints who survived and the table; what is wrong counts as failed. */
function judge(fates: Fate[], isWhole: boolean): Counts {
  const survivors = fates.filter(({ noticedBy }) => !noticedBy);
  const unexplained = survivors.filter(({ name }) => !(name in explained));
  for (const { class: kind, name } of unexplained) console.log(`Survived (${kind}): ${name}`);

  const names = new Set(survivors.map(({ name }) => name));
  const outdated = Object.keys(explained).filter((name) => isWhole && !names.has(name));
  for (const name of outdated) console.log(`Explained, and yet noticed or gone: ${name}`);

  printTable(fates);
  const failed = unexplained.length + outdated.length;
  return { passed: fates.length - unexplained.length, failed };
}

function printTable(fates: Fate[]): void {
  const classes = Object.groupBy(fates, (fate) => fate.class);
  const rows = [...Object.entries(classes), ["all", fates] as const].map(([kind, of = []]) => {
    const noticed = of.filter(({ noticedBy }) => noticedBy).length;
    return `| ${kind} | ${of.length} | ${noticed} | ${of.length - noticed} |`;
  });
  console.log(
    ["| class | mutants | noticed | explained |", "|---|---|---|---|", ...rows].join("\n"),
  );
}

const connect = (url: string) =>
  postgres(url, {
    ...{ max: 1, fetch_types: false, onnotice: () => {} },
    connection: { statement_timeout: 120_000, search_path: "public, extensions" },
  });
