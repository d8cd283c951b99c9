import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import type { Fate } from "./trial.ts";

type Change = { name: string; file: string; from: string; to: string; tests: string };

/** Rules that the functions keep themselves: what stands there, and what stands there without. */
const changes: Change[] = [
  {
    name: "stripe-webhook: whoever signed it",
    file: "stripe-webhook/handler.ts",
    from: 'throw new ApiError(400, "invalid_signature", "The signature does not fit the body.");',
    to: "return JSON.parse(body);",
    tests: "stripe-webhook.test.ts",
  },
  {
    name: "stripe-webhook: signed however long ago",
    file: "stripe-webhook/handler.ts",
    from: "signature, secret, 300,",
    to: "signature, secret, 300_000_000,",
    tests: "stripe-webhook.test.ts",
  },
  {
    name: "stripe-webhook: a failure is done with",
    file: "stripe-webhook/handler.ts",
    from: "throw new Error(`Event",
    to: 'throw new ApiError(400, "x", `Event',
    tests: "stripe-webhook.test.ts",
  },
  {
    name: "checkout: what the body names besides",
    file: "checkout/handler.ts",
    from: "z.strictObject({ reservation_id",
    to: "z.looseObject({ reservation_id",
    tests: "checkout.test.ts",
  },
  {
    name: "checkout: another amount",
    file: "checkout/handler.ts",
    from: "unit_amount: due.amount",
    to: "unit_amount: 1",
    tests: "checkout.test.ts",
  },
  {
    name: "checkout: whatever Stripe's session is about",
    file: "checkout/handler.ts",
    from: "if (answer.amount_total !== due.amount ||",
    to: "if (false && answer.amount_total !== due.amount ||",
    tests: "checkout.test.ts",
  },
  {
    name: "checkout: another key at each try",
    file: "checkout/handler.ts",
    from: "hash.slice(0, 16)",
    to: "crypto.randomUUID()",
    tests: "checkout.test.ts",
  },
  {
    name: "every function: a fault is told in full",
    file: "_shared/serve.ts",
    from: "isUnreachable(error) ? unavailable : internalError",
    to: 'new ApiError(500, "internal_error", String(error))',
    tests: "serve.test.ts",
  },
  {
    name: "functions for the secret key: anybody",
    file: "_shared/serve.ts",
    from: 'secret: "secret:*"',
    to: 'secret: ["secret:*", "none"]',
    tests: "serve.test.ts",
  },
  {
    name: "functions for users: anybody",
    file: "_shared/serve.ts",
    from: 'user: "user"',
    to: 'user: ["user", "none"]',
    tests: "serve.test.ts",
  },
  {
    name: "mails: control characters in what people wrote",
    file: "_shared/mail/render.ts",
    from: "schema.safeParse(sanitize(props))",
    to: "schema.safeParse(props)",
    tests: "mail.test.ts",
  },
];

/** Makes each change in a copy of the project, and runs the tests of that function there. */
export async function trySources(root: string): Promise<Fate[]> {
  const copy = mkdtempSync(join(tmpdir(), "djanobnb-sources-"));
  try {
    const isLeftOut = /^(node_modules|\.git|\.local|docs|bench|supabase\/buckets)(\/|$)/;
    const filter = (path: string) => !isLeftOut.test(relative(root, path));
    cpSync(root, copy, { recursive: true, filter });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (const tests of new Set(changes.map(({ tests }) => tests))) {
      if (!(await passes(copy, tests))) throw new Error(`tests/functions/${tests} fails as it is.`);
    }
    const fates: Fate[] = [];
    for (const change of changes) fates.push(await tryChange(copy, change));
    return fates;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

async function tryChange(copy: string, { name, file, from, to, tests }: Change): Promise<Fate> {
  const path = join(copy, "supabase", "functions", file);
  const code = readFileSync(path, "utf8");
  if (!code.includes(from)) throw new Error(`${file} no longer holds ${from}`);
  writeFileSync(
    path,
    code.replace(from, () => to),
  );
  const noticedBy = (await passes(copy, tests)) ? undefined : tests;
  writeFileSync(path, code);
  return { class: "rules of the functions", name, noticedBy };
}

async function passes(cwd: string, tests: string): Promise<boolean> {
  const args = ["node_modules/vitest/vitest.mjs", "run", "--project", "functions", "--bail", "1"];
  const run = promisify(execFile)(process.execPath, [...args, `tests/functions/${tests}`], { cwd });
  return await run.then(
    () => true,
    () => false,
  );
}
