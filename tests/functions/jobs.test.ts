import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Database } from "../../supabase/functions/_shared/database.ts";
import { forRequest } from "../../supabase/functions/_shared/log.ts";
import type { Mail, Mailer, SendResult } from "../../supabase/functions/_shared/mail/send.ts";
import { work } from "../../supabase/functions/jobs/handler.ts";
import { sendMail } from "../../supabase/functions/jobs/kinds/send-mail.ts";
import {
  type Kind,
  kind,
  PermanentError,
  type Tools,
} from "../../supabase/functions/jobs/tools.ts";
import { samples } from "../mails/samples.ts";

/** The loop that works on jobs, with a queue of the test's own and a clock that it turns. */

beforeEach(() => {
  vi.useFakeTimers();
  for (const method of ["log", "error"] as const) vi.spyOn(console, method).mockReturnValue();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

type Report = { id: string; state: "done" | "failed"; result?: unknown; permanent?: boolean };
type Job = Record<"id" | "kind" | "lease_token", string> & {
  payload: object;
  attempt: number;
  is_last_attempt: boolean;
  request_id: string | null;
};

/** As much of the queue in the database as the loop calls. */
class Queue {
  queued: Job[] = [];
  reports: Report[] = [];
  largestClaim = 0;
  claims = 0;
  beats = 0;
  wakes = 0;
  nextIn: number | null = null;
  holdsLease = true;
  /** Of sixteen. */
  attempt = 1;
  /** What causes the jobs that are added. */
  request: string | null = null;
  /** Statements that meet a database which is away. */
  broken = new Set<string>();

  add(kind: string, ...payloads: object[]): void {
    for (const payload of payloads) {
      const id = `${kind}-${this.queued.length}`;
      const lease_token = `lease of ${id}`;
      const tries = { attempt: this.attempt, is_last_attempt: this.attempt === 16 };
      this.queued.push({ id, kind, payload, ...tries, lease_token, request_id: this.request });
    }
  }

  answer(name: string, [first, , third, fourth]: unknown[]): unknown {
    if (this.broken.has(name)) throw new Error("The database is away.");
    switch (name) {
      case "claim_jobs":
        this.claims++;
        this.largestClaim = Math.max(this.largestClaim, first as number);
        return this.queued.splice(0, first as number);
      case "pending_jobs": {
        const [due, nextIn] = [this.queued.length, this.nextIn];
        this.nextIn = null;
        return [{ due, claimable: due, nextIn }];
      }
      case "extend_lease":
        this.beats++;
        return [{ held: this.holdsLease || null }];
      case "finish_job":
        if (this.holdsLease)
          this.reports.push({ id: first as string, state: "done", result: third });
        return [{ reported: this.holdsLease || null }];
      case "fail_job":
        this.reports.push({
          ...{ id: first as string, state: "failed" },
          ...{ result: third, permanent: fourth as boolean },
        });
        return [];
      case "wake_jobs":
        this.wakes++;
        return [];
      default:
        throw new Error(`The loop called ${name}.`);
    }
  }

  get tools(): Tools {
    const sql = async (text: TemplateStringsArray, ...values: unknown[]) =>
      this.answer(/private\.(\w+)/.exec(text.join(""))![1]!, values);
    const database = Object.assign(sql, { json: (value: unknown) => value });
    return { database: database as unknown as Database } as Tools;
  }
}

/** A kind that takes its time, and tells how many ran at once and which ones. */
function slowly(milliseconds: number) {
  const seen: unknown[] = [];
  let running = 0;
  let most = 0;
  const definition: Kind = kind({
    payload: z.object({ n: z.number() }),
    async run({ n }) {
      seen.push(n);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      running--;
      return { n };
    },
  });
  return { definition, seen, most: () => most };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

describe("a call", () => {
  test("does what is due, a few at a time, and says how much", async () => {
    const queue = new Queue();
    queue.add("slow", ...numbers(50));
    const slow = slowly(100);
    const call = work(queue.tools, { slow: slow.definition });
    await vi.runAllTimersAsync();
    expect(await call).toEqual({ done: 50, failed: 0, remaining: 0 });
    expect([slow.most(), queue.largestClaim, new Set(slow.seen).size]).toEqual([16, 16, 50]);
    expect(queue.reports[0]).toEqual({ id: "slow-0", state: "done", result: { n: 0 } });
  });

  test("that comes while another one works does nothing twice, and is heard", async () => {
    const queue = new Queue();
    const slow = slowly(900);
    const kinds = { slow: slow.definition };
    queue.add("slow", ...numbers(3));
    const first = work(queue.tools, kinds);
    await vi.advanceTimersByTimeAsync(10);
    queue.add("slow", { n: 3 });
    const others = await Promise.all([1, 2, 3].map(() => work(queue.tools, kinds)));
    await vi.advanceTimersByTimeAsync(10);
    // At once, though the others are under way.
    expect(slow.seen).toEqual([0, 1, 2, 3]);
    await vi.runAllTimersAsync();
    expect(await first).toEqual({ done: 4, failed: 0, remaining: 0 });
    expect(others.map(({ done }) => done)).toEqual([0, 0, 0]);
    expect(queue.reports).toHaveLength(4);
  });

  test("takes up what becomes due while one job hangs", async () => {
    const queue = new Queue();
    const slow = slowly(20_000);
    queue.add("slow", { n: 0 });
    const call = work(queue.tools, { slow: slow.definition });
    await vi.advanceTimersByTimeAsync(500);
    queue.add("slow", { n: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(slow.seen).toEqual([0, 1]);
    await vi.runAllTimersAsync();
    expect((await call).done).toBe(2);
  });

  test("begins nothing after 40 seconds, ends within a minute, and asks for another call", async () => {
    const queue = new Queue();
    const slow = slowly(15_000);
    queue.add("slow", ...numbers(200));
    const started = performance.now();
    const call = work(queue.tools, { slow: slow.definition });
    await vi.runAllTimersAsync();
    expect(await call).toEqual({ done: 48, failed: 0, remaining: 152 });
    expect(performance.now() - started).toBeLessThan(55_000);
    expect(queue.wakes).toBe(1);
  });

  test("begins 150 jobs, which is what its CPU is enough for, and asks for another call", async () => {
    const queue = new Queue();
    const slow = slowly(20);
    queue.add("slow", ...numbers(400));
    const left: number[] = [];
    for (let calls = 1; calls <= 3; calls++) {
      const call = work(queue.tools, { slow: slow.definition });
      await vi.runAllTimersAsync();
      left.push((await call).remaining);
      expect(queue.wakes).toBe(Math.min(calls, 2));
    }
    expect(left).toEqual([250, 100, 0]);
    expect([slow.most(), new Set(slow.seen).size]).toEqual([16, 400]);
  });

  test("that has begun as many leaves one that hangs to itself", async () => {
    const queue = new Queue();
    const [hanging, quick] = [slowly(20_000), slowly(1)];
    queue.add("hanging", { n: 0 });
    queue.add("quick", ...numbers(200));
    const call = work(queue.tools, { hanging: hanging.definition, quick: quick.definition });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await call).toEqual({ done: 149, failed: 0, remaining: 51 });
    await vi.runAllTimersAsync();
    expect(queue.reports.at(-1)).toMatchObject({ id: "hanging-0", state: "done" });
  });

  test("does not wait for a job that hangs; its lease is kept, and the next call finds work", async () => {
    const waitUntil = vi.fn();
    vi.stubGlobal("EdgeRuntime", { waitUntil });
    const queue = new Queue();
    const hanging = slowly(90_000);
    const quick = slowly(1);
    const kinds = { hanging: hanging.definition, quick: quick.definition };
    queue.add("hanging", { n: 0 });
    const started = performance.now();
    const call = work(queue.tools, kinds);
    await vi.advanceTimersByTimeAsync(53_000);
    expect(await call).toEqual({ done: 0, failed: 0, remaining: 0 });
    expect(performance.now() - started).toBeLessThan(55_000);
    expect(waitUntil, "Supabase's runtime hears of it").toHaveBeenCalledOnce();
    queue.add("quick", { n: 1 });
    const next = work(queue.tools, kinds);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toMatchObject({ done: 1 });
    await vi.runAllTimersAsync();
    await waitUntil.mock.calls[0]![0];
    expect(waitUntil).toHaveBeenCalledOnce();
    expect(queue.beats).toBe(4);
    expect(queue.reports.map(({ id }) => id)).toEqual(["quick-0", "hanging-0"]);
  });

  test("waits for a retry that is due in a moment, not for one that is due later", async () => {
    const queue = new Queue();
    const quick = slowly(1);
    queue.nextIn = 2_000;
    setTimeout(() => queue.add("quick", { n: 0 }), 1_900);
    const patient = work(queue.tools, { quick: quick.definition });
    await vi.runAllTimersAsync();
    expect((await patient).done).toBe(1);
    queue.nextIn = 5_000;
    expect((await work(queue.tools, {})).done).toBe(0);
  });

  test("asks for another call when the pace of a kind lets it go on after its end", async () => {
    const queue = new Queue();
    const slow = slowly(41_000);
    queue.add("slow", { n: 0 });
    const call = work(queue.tools, { slow: slow.definition });
    await vi.advanceTimersByTimeAsync(10);
    queue.answer = (name) => {
      if (name === "wake_jobs") queue.wakes++;
      if (name === "pending_jobs") return [{ due: 7, claimable: 0, nextIn: 200 }];
      return name === "claim_jobs" ? [] : [{}];
    };
    await vi.runAllTimersAsync();
    expect((await call).remaining).toBe(7);
    expect(queue.wakes).toBe(1);
  });

  test("leaves alone what a limit keeps from beginning, without asking again and again", async () => {
    const queue = new Queue();
    const { tools } = queue;
    queue.answer = (name) => {
      if (name === "claim_jobs") queue.claims++;
      if (name === "wake_jobs") queue.wakes++;
      return name === "pending_jobs" ? [{ due: 7, claimable: 0, nextIn: null }] : [];
    };
    expect(await work(tools, {})).toEqual({ done: 0, failed: 0, remaining: 7 });
    expect([queue.claims, queue.wakes]).toEqual([1, 0]);
  });
});

describe("a job", () => {
  const failing = (error: unknown) =>
    kind({ payload: z.object({}), run: () => Promise.reject(error) });

  test("knows whether this is its last try", async () => {
    const queue = new Queue();
    const heard: boolean[] = [];
    const listening = kind({
      payload: z.object({}),
      async run(_payload, _tools, isLastAttempt) {
        heard.push(isLastAttempt);
        return undefined;
      },
    });
    for (queue.attempt of [1, 16]) queue.add("listening", {});
    const call = work(queue.tools, { listening });
    await vi.runAllTimersAsync();
    await call;
    expect(heard).toEqual([false, true]);
  });

  test("that nobody knows, or whose payload does not fit, is kept with the reason", async () => {
    const queue = new Queue();
    queue.add("unheard_of", {});
    queue.add("slow", { n: "three" });
    expect(await work(queue.tools, { slow: slowly(1).definition })).toMatchObject({ failed: 2 });
    expect(queue.reports).toMatchObject([
      { permanent: true, result: "This worker knows no kind of job named unheard_of." },
      {
        permanent: true,
        result: expect.stringMatching(/payload does not fit[\s\S]*expected number/),
      },
    ]);
  });

  test.each([
    [new Error("later"), "later", false],
    [new PermanentError("never"), "never", true],
    [Object.assign(new AggregateError([]), { code: "ECONNREFUSED" }), "ECONNREFUSED", false],
    [new Error("a\0b"), "ab", false],
    ["thrown", "thrown", false],
  ])("that fails says why: %s", async (error, reason, permanent) => {
    const queue = new Queue();
    queue.add("failing", {});
    await work(queue.tools, { failing: failing(error) });
    expect(queue.reports).toMatchObject([{ state: "failed", result: reason, permanent }]);
  });

  test("tells in the log which request caused it", async () => {
    const queue = new Queue();
    const kinds = { failing: failing(new Error("later")) };
    queue.add("failing", {});
    queue.request = "request-7";
    queue.add("failing", {});
    const call = forRequest("the worker's own", () => work(queue.tools, kinds));
    await vi.runAllTimersAsync();
    await call;
    const lines = vi.mocked(console.error).mock.calls.map(([line]) => JSON.parse(line));
    expect(lines).toMatchObject([
      { message: "job failed", job: "failing-0", requestId: "the worker's own" },
      { message: "job failed", job: "failing-1", requestId: "request-7" },
    ]);
  });

  test("tells no address in the log; what an admin sees of it does", async () => {
    const answer = "451 4.7.1 <grey@h3.test>: greylisted,\nmore for müller@bücher.test at h3.test";
    const queue = new Queue();
    queue.add("failing", {});
    await work(queue.tools, { failing: failing(new Error(answer)) });
    const [[line]] = vi.mocked(console.error).mock.calls as [[string]];
    expect(line).not.toMatch(/grey@|müller|@b/);
    expect(JSON.parse(line).error).toMatch(
      /451 4\.7\.1 <\[address\]>: greylisted,\nmore for \[address\] at h3\.test\n +at /,
    );
    expect(queue.reports).toMatchObject([{ result: answer }]);
  });

  test("whose lease is lost is nobody's success", async () => {
    const queue = new Queue();
    queue.add("slow", { n: 0 });
    queue.holdsLease = false;
    const call = work(queue.tools, { slow: slowly(50_000).definition });
    await vi.runAllTimersAsync();
    expect(await call).toEqual({ done: 0, failed: 0, remaining: 0 });
    expect([queue.beats, queue.reports]).toEqual([1, []]);
  });

  test("whose report does not arrive ends no call; a queue that is away does, and no more", async () => {
    const queue = new Queue();
    const kinds = { slow: slowly(10).definition };
    queue.add("slow", { n: 0 });
    queue.broken = new Set(["finish_job", "fail_job"]);
    const silent = work(queue.tools, kinds);
    await vi.runAllTimersAsync();
    expect(await silent).toMatchObject({ failed: 1 });
    queue.broken = new Set(["claim_jobs"]);
    await expect(work(queue.tools, kinds)).rejects.toThrow("away");
    queue.broken.clear();
    queue.add("slow", { n: 1 });
    const call = work(queue.tools, kinds);
    await vi.runAllTimersAsync();
    expect((await call).done).toBe(1);
  });
});

describe("a mail", () => {
  const propsOf = (name: string) => samples.find(({ template }) => template === name)!.props;
  const id = "0b6e7a1c-53a8-4c4e-9f5e-6a0d6c1f2b11";
  const refused = { ok: false, permanent: true, recipientRefused: true, response: "550 gone" };
  const greylisted = {
    ok: false,
    permanent: false,
    recipientRefused: false,
    response: "451 later",
  };
  const taken = { ok: true, response: "250 taken" };

  /** Sends an alert to admins whose servers answer like that. */
  async function alert(answers: Record<string, object>, row: object = {}, isLastAttempt = false) {
    const recorded: unknown[] = [];
    let accepted: unknown;
    let response: unknown;
    const messageIds = new Set<string>();
    const links: Record<string, string | undefined> = {};
    const mail = {
      ...{ id, template: "admin_alert", to_address: null, to_name: null, attachments: [] },
      props: { alert: "reconciliation", summary: "Something is off.", facts: [] },
      ...{ state: "queued", is_suppressed: false, accepted: {} },
      ...row,
    };
    const sql = async (text: TemplateStringsArray, ...values: unknown[]) => {
      if (text.join("").includes("mail_to_send")) return [mail];
      if (text.join("").includes("subscriptions")) {
        return (values[1] as string[]).map((address) => ({
          address,
          left: address.startsWith("left-"),
          url: `https://djanobnb.test/leave/${address}`,
        }));
      }
      if (text.join("").includes("note_accepted_mail")) accepted = values[1];
      else {
        recorded.push(values[1]);
        response = values[2];
      }
      return [];
    };
    const database = Object.assign(sql, { json: (value: unknown) => value });
    const mailer = {
      async send({ to, messageId, unsubscribeUrl, html, text }: Mail) {
        messageIds.add(messageId);
        links[to.address] = unsubscribeUrl;
        expect(html.includes("/leave/")).toBe(unsubscribeUrl !== undefined);
        expect(text.includes(unsubscribeUrl ?? "/leave/")).toBe(unsubscribeUrl !== undefined);
        return answers[to.address] as SendResult;
      },
    };
    const tools = {
      ...{ database: database as unknown as Database, mailer: mailer as unknown as Mailer },
      settings: {
        ...{ SITE_URL: "https://djanobnb.test", MAIL_FROM: "hello@djanobnb.test" },
        ADMIN_EMAIL: Object.keys(answers),
      },
    } as unknown as Tools;
    vi.useRealTimers();
    const ended = await sendMail
      .run({ mail_id: id }, tools, isLastAttempt)
      .catch((error: Error) => error);
    return { ended, recorded, accepted, response, messageIds: [...messageIds], links };
  }

  test("to several admins is sent when one of them has it, and under one Message-ID", async () => {
    const { ended, recorded, messageIds } = await alert({ "a@x.test": refused, "b@x.test": taken });
    expect([ended, recorded]).toEqual([{ state: "sent" }, ["sent"]]);
    expect(messageIds).toEqual([`${id}@djanobnb.test`]);
  });

  const admins = { "a@x.test": taken, "b@x.test": greylisted, "c@x.test": refused };

  test("is tried again while one of the servers may still take it, and for that one alone", async () => {
    const first = await alert(admins);
    expect(first.ended).toBeInstanceOf(Error);
    expect(first.ended).not.toBeInstanceOf(PermanentError);
    expect([first.recorded, first.accepted]).toEqual([[], { "a@x.test": "250 taken" }]);

    const second = await alert({ ...admins, "b@x.test": taken }, { accepted: first.accepted });
    expect(Object.keys(second.links)).toEqual(["b@x.test", "c@x.test"]);
    expect([second.ended, second.recorded]).toEqual([{ state: "sent" }, ["sent"]]);
    expect(second.response).toBe("250 taken\n250 taken\n550 gone");
  });

  test("is sent after its last try when one of them has it; else that try failed like the others", async () => {
    const last = await alert(admins, { accepted: { "a@x.test": "250 earlier" } }, true);
    expect([last.ended, last.recorded]).toEqual([{ state: "sent" }, ["sent"]]);
    expect(last.response).toBe("250 earlier\n451 later\n550 gone");
    const { ended, recorded } = await alert({ "b@x.test": greylisted }, {}, true);
    expect([recorded, (ended as Error).message]).toEqual([[], "451 later"]);
  });

  test("is a dead letter when nobody is there", async () => {
    const { ended, recorded } = await alert({ "a@x.test": refused });
    expect(ended).toBeInstanceOf(PermanentError);
    expect(recorded).toEqual(["refused"]);
  });

  const report = { template: "daily_report", props: propsOf("daily_report") };

  test("that is not essential has a link for each, and goes to nobody who has unsubscribed", async () => {
    const answers = { "a@x.test": taken, "left-b@x.test": taken, "c@x.test": taken };
    const { recorded, links } = await alert(answers, report);
    expect(recorded).toEqual(["sent"]);
    expect(links).toEqual({
      "a@x.test": "https://djanobnb.test/leave/a@x.test",
      "c@x.test": "https://djanobnb.test/leave/c@x.test",
    });
    const { recorded: came, ended } = await alert({ "left-b@x.test": taken }, report);
    expect([came, ended]).toEqual([["unsubscribed"], { state: "unsubscribed" }]);
    const essential = await alert({ "left-b@x.test": taken });
    expect([essential.recorded, essential.links]).toEqual([
      ["sent"],
      { "left-b@x.test": undefined },
    ]);
  });

  test("that was sent, or whose address is suppressed, is not sent", async () => {
    const sent = await alert({ "a@x.test": taken }, { state: "sent" });
    expect([sent.messageIds, sent.recorded]).toEqual([[], []]);
    const suppressed = await alert({ "a@x.test": taken }, { is_suppressed: true });
    expect([suppressed.messageIds, suppressed.recorded]).toEqual([[], ["suppressed"]]);
  });
});
