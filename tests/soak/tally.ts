import { z } from "zod";

/** Where the codes of a refusal stand: in the Data API's, the functions', Storage's and Auth's. */
const Refusal = z
  .object({
    hint: z.string().nullish(),
    code: z.coerce.string().nullish(),
    error: z.union([z.string(), z.object({ code: z.string() })]).nullish(),
    error_code: z.string().nullish(),
  })
  .transform(({ hint, code, error, error_code }) => {
    const inner = typeof error === "object" ? error?.code : error;
    return hint ?? inner ?? error_code ?? code ?? "none";
  });

type Outage = { began: number; ended: number };
/** An answer that was no success, by what was asked, its status and its code. */
type Refused = { kind: string; status: number; code: string; duringOutage: boolean };

/** What answers came, how fast, and which of them nobody can explain. */
export class Tally {
  readonly times = new Map<string, number[]>();
  readonly refused = new Map<string, Refused & { count: number }>();
  readonly #outages: Outage[] = [];
  readonly #expected: Record<string, string[]>;

  /** With the codes that may come of each kind of request at any time. */
  constructor(expected: Record<string, string[]>) {
    this.#expected = expected;
  }

  get count(): number {
    return [...this.times.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Something is away; until the returned function is called and for a moment after it. */
  beginOutage(): () => void {
    const outage = { began: performance.now(), ended: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    return () => {
      outage.ended = performance.now() + 3_000;
    };
  }

  /** `fetch` that takes the time and notes the answer, under whatever kind is said then. */
  fetcher(kindNow: () => string): typeof fetch {
    return async (input, init) => {
      const kind = kindNow();
      const began = performance.now();
      try {
        const response = await fetch(input, init);
        this.#took(kind, performance.now() - began);
        if (!response.ok) this.#refuse(kind, began, response.status, await codeOf(response));
        return response;
      } catch (error) {
        const { code = "no answer" } = (error as { cause?: { code?: string } }).cause ?? {};
        this.#refuse(kind, began, 0, code);
        throw error;
      }
    };
  }

  #took(kind: string, milliseconds: number): void {
    const times = this.times.get(kind);
    if (times) times.push(milliseconds);
    else this.times.set(kind, [milliseconds]);
  }

  #refuse(kind: string, began: number, status: number, code: string): void {
    const duringOutage = this.#outages.some(
      (outage) => began < outage.ended && performance.now() > outage.began,
    );
    const key = `${kind} ${status} ${code} ${duringOutage}`;
    const { count = 0 } = this.refused.get(key) ?? {};
    this.refused.set(key, { kind, status, code, duringOutage, count: count + 1 });
  }

  /** Answers that neither the rules of the house nor an outage explains. */
  get unexplained() {
    return [...this.refused.values()].filter(({ kind, status, code, duringOutage }) => {
      if (this.#expected[kind]?.includes(code)) return false;
      return !(duringOutage && (status === 0 || status >= 500));
    });
  }

  /** Milliseconds within which that share of the answers came. */
  percentile(kind: string, share: number): number {
    const times = (this.times.get(kind) ?? []).toSorted((a, b) => a - b);
    return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  }
}

async function codeOf(response: Response): Promise<string> {
  const body = await response
    .clone()
    .json()
    .catch(() => ({}));
  return Refusal.safeParse(body).data ?? "none";
}
