import { connect, type Database } from "../_shared/database.ts";
import { NotConfigured } from "../_shared/errors.ts";
import { createMailer, type Mailer } from "../_shared/mail/send.ts";
import { type AllSettings, type Environment, readSettings } from "../_shared/settings.ts";
import { createStripe } from "../_shared/stripe.ts";
import type { Check, Checks } from "./handler.ts";

type Queue = { due: number; oldest: number; failed: number };

/** Woken by each commit and once a minute, the worker leaves nothing lying for this long. */
const longestWait = 5 * 60;

/** The parts without which guests, hosts and staff notice that something is wrong. */
export function createChecks(environment: Environment): Checks {
  return {
    database: withDatabase(environment, async (database) => {
      await database`select 1`;
      return "Answers.";
    }),
    queue: withDatabase(environment, async (database) => {
      const [queue] = await database<[Queue]>`
        select due::integer, oldest_due_seconds as oldest, dead_letters::integer as failed
        from private.queue_health()`;
      if (queue.oldest > longestWait) throw new Error(`Nobody does the work: ${tell(queue)}`);
      return tell(queue);
    }),
    mail: checkMail(environment),
    stripe: async () => {
      const settings = read(environment, "STRIPE_SECRET_KEY", "STRIPE_API_URL");
      // What the checkout needs to be allowed: a restricted key may not be allowed more.
      await createStripe(settings).checkout.sessions.list({ limit: 1 }, { maxNetworkRetries: 0 });
      return "Answers, and takes our key.";
    },
  };
}

/** On a connection of its own, so that it is known whether there is one to be had. */
function withDatabase(
  environment: Environment,
  ask: (database: Database) => Promise<string>,
): Check {
  return async (signal) => {
    const database = connect(read(environment, "SUPABASE_DB_URL").SUPABASE_DB_URL);
    signal.addEventListener("abort", () => database.end({ timeout: 0 }));
    return await ask(database).finally(() => database.end({ timeout: 1 }));
  };
}

/** Goes as far as one can without a mail: connects, and signs in where there is a password. */
function checkMail(environment: Environment): Check {
  let mailer: Mailer | undefined;
  return async () => {
    mailer ??= createMailer(
      read(environment, "SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASS", "MAIL_FROM"),
    );
    await mailer.verify();
    return "Answers, and takes our password.";
  };
}

function tell({ due, oldest, failed }: Queue): string {
  const waiting = due ? `${due} due, the oldest for ${oldest} s` : "nothing is due";
  return `${waiting}; ${failed} dead letters.`;
}

/** To whoever asks here, a missing setting may be named. */
function read<Name extends keyof AllSettings>(environment: Environment, ...names: Name[]) {
  try {
    return readSettings(environment, ...names);
  } catch (error) {
    if (!(error instanceof NotConfigured)) throw error;
    throw new Error(`Not set, or without sense: ${error.names.join(", ")}.`);
  }
}
