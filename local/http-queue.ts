import { connect, exists, guarded } from "./scheduler.ts";
import type { Part, Settings } from "./settings.ts";

type HttpRequest = {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Buffer | null;
  timeout_milliseconds: number;
};

/** pg_net's `batch_size`: so many calls are under way at once. */
const maxCalls = 200;

/** Does what pg_net does on a hosted project: makes the calls that committed transactions queued. */
export async function startHttpQueue(settings: Settings): Promise<Part> {
  const sql = connect(settings.databaseUrl, "pg_net", 4);
  const calls = new Set<Promise<void>>();
  const stopping = new AbortController();

  const drain = guarded(async () => {
    const free = maxCalls - calls.size;
    if (free <= 0 || stopping.signal.aborted) return;
    if (!(await exists(sql, "net.http_request_queue"))) return;
    const requests = await sql<HttpRequest[]>`
      delete from net.http_request_queue
      where id in (select id from net.http_request_queue order by id limit ${free})
      returning *`;
    for (const request of requests) {
      const done = call(request).finally(() => {
        calls.delete(done);
        // As many as there was room for: more may be waiting.
        if (requests.length === free) drain();
      });
      calls.add(done);
    }
    await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  });

  const call = guarded(async (request: HttpRequest) => {
    const { id, method, url, headers, body, timeout_milliseconds } = request;
    const timeout = AbortSignal.timeout(timeout_milliseconds);
    const answer = await fetch(url, {
      method: method.toUpperCase(),
      headers: headers ?? {},
      body: body && new Uint8Array(body),
      redirect: "manual",
      signal: AbortSignal.any([timeout, stopping.signal]),
    })
      .then(async (response) => ({
        status_code: response.status,
        content_type: response.headers.get("content-type"),
        headers: sql.json(Object.fromEntries(response.headers)),
        content: await response.text(),
        timed_out: false,
      }))
      .catch((error: Error & { cause?: Error }) => ({
        timed_out: timeout.aborted,
        error_msg: timeout.aborted
          ? `Timeout of ${timeout_milliseconds} ms reached`
          : (error.cause?.message ?? error.message),
      }));
    if (stopping.signal.aborted) return;
    await sql`insert into net._http_response ${sql({ id, ...answer })}`;
  });

  await sql.listen("pg_net", drain, drain);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.allSettled(calls);
      await sql.end({ timeout: 1 });
    },
  };
}
