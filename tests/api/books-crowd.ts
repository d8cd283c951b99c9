import fc from "fast-check";
import { type Actor, database, inDays, list, signUp, stripe, waitFor } from "./actors.ts";
import { type Checkout, eventsAbout, lapse, work } from "./stays.ts";

/** What a guest of the crowd may do; numbers pick the home, the nights, and which of the own stays. */
export const crowdStep = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constant("stay" as const), fc.nat(1), fc.nat(7)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("pay" as const), fc.nat(3), fc.constantFrom(0, 1)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("cancel" as const), fc.nat(3), fc.nat(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("release" as const), fc.nat(3), fc.nat(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("lapse" as const), fc.nat(3), fc.nat(0)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant("refund" as const), fc.nat(3), fc.constantFrom(1000, 0)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("dispute" as const), fc.nat(3), fc.nat(0)) },
);
type Step = typeof crowdStep extends fc.Arbitrary<infer S> ? S : never;

/** Guests who do things at the same time, through the API and Stripe's page. */
export class Crowd {
  readonly homes: { id: string }[];
  readonly #guests: { actor: Actor; stays: Checkout[] }[];

  private constructor(homes: { id: string }[], actors: Actor[]) {
    this.homes = homes;
    this.#guests = actors.map((actor) => ({ actor, stays: [] }));
  }

  static async gather(size: number): Promise<Crowd> {
    const [host, ...guests] = await Promise.all(
      Array.from({ length: size + 1 }, (_, n) => signUp(n ? `Guest ${n}` : "Host")),
    );
    return new Crowd([await list(host!), await list(host!)], guests);
  }

  /** A guest does one thing after another. */
  async act(guest: number, steps: Step[]): Promise<void> {
    for (const [name, which, detail] of steps) await this[name](guest, which, detail);
  }

  /** Reserves and opens the checkout page, with two clicks. */
  async stay(guest: number, home: number, start: number) {
    const { actor, stays } = this.#guests[guest]!;
    const held = await actor.client.rpc("reserve", {
      property_id: this.homes[home]!.id,
      check_in: inDays(1 + start),
      check_out: inDays(3 + start),
      guests: 1,
    });
    if (held.error) return expectRefusal(held.status);
    const click = () =>
      actor.client.functions.invoke<Checkout>("checkout", {
        body: { reservation_id: held.data.id },
      });
    const [one, other] = await Promise.all([click(), click()]);
    if (one.data && other.data && one.data.session_id !== other.data.session_id) {
      throw new Error("Two clicks opened two pages.");
    }
    for (const { response } of [one, other]) expectRefusal(response?.status ?? 500);
    if (one.data) stays.push(one.data);
  }

  async pay(guest: number, which: number, deliver: number) {
    await this.#pull(
      guest,
      which,
      ({ session_id }) => `sessions/${session_id}/pay?deliver=${deliver}`,
    );
  }

  async refund(guest: number, which: number, amount: number) {
    const charge = await this.#chargeOf(guest, which);
    if (charge) await refusable(`charges/${charge}/refund${amount ? `?amount=${amount}` : ""}`);
  }

  async dispute(guest: number, which: number) {
    const charge = await this.#chargeOf(guest, which);
    if (charge) await refusable(`charges/${charge}/dispute`);
  }

  async cancel(guest: number, which: number) {
    await this.#call(guest, which, "cancel_reservation");
  }

  async release(guest: number, which: number) {
    await this.#call(guest, which, "release_hold");
  }

  async lapse(guest: number, which: number) {
    const stay = this.#pick(guest, which);
    if (!stay) return;
    await lapse(stay.reservation_id).catch(() => {});
    await database`select private.expire_holds()`;
  }

  #pick(guest: number, which: number): Checkout | undefined {
    const { stays } = this.#guests[guest]!;
    return stays[which % stays.length];
  }

  async #pull(guest: number, which: number, lever: (stay: Checkout) => string) {
    const stay = this.#pick(guest, which);
    if (stay) await refusable(lever(stay));
  }

  async #call(guest: number, which: number, name: "cancel_reservation" | "release_hold") {
    const stay = this.#pick(guest, which);
    if (!stay) return;
    const { client } = this.#guests[guest]!.actor;
    expectRefusal((await client.rpc(name, { reservation_id: stay.reservation_id })).status);
  }

  async #chargeOf(guest: number, which: number): Promise<string | undefined> {
    const stay = this.#pick(guest, which);
    const events = stay ? await eventsAbout(stay.session_id) : [];
    const intent = events.find(({ data }) => data.object.payment_intent)?.data.object
      .payment_intent;
    const about = intent ? await eventsAbout(intent) : [];
    return about.find(({ type }) => type === "charge.succeeded")?.data.object.id;
  }

  /** Every event has come, twice at once, and every job is done. */
  async settleDown(): Promise<void> {
    const stays = this.#guests.flatMap(({ stays }) => stays);
    for (const { session_id } of stays) {
      const events = await eventsAbout(session_id);
      const intent = events.find(({ data }) => data.object.payment_intent)?.data.object
        .payment_intent;
      const all = [...events, ...(intent ? await eventsAbout(intent) : [])];
      const deliver = () => all.map(({ id }) => stripe(`events/${id}/deliver`));
      await Promise.all([...deliver(), ...deliver()]);
    }
    await waitFor("the jobs to be done", async () => {
      await database`
        update private.jobs set run_at = now() where state = 'queued' and kind <> 'write_daily_report'`;
      await work();
      const [left] = await database`
        select from private.jobs where state in ('queued', 'running') limit 1`;
      return left ? undefined : true;
    });
  }

  /** All reservations of which the crowd knows. */
  get reservationIds(): string[] {
    return this.#guests.flatMap(({ stays }) => stays.map((stay) => stay.reservation_id));
  }
}

/** Done or refused with a sentence, and nothing else. */
function expectRefusal(status: number): void {
  if (status >= 500) throw new Error(`The answer was ${status}.`);
}

/** Stripe's page may refuse: nobody pays twice there, or gives back more than was paid. */
async function refusable(lever: string): Promise<void> {
  await stripe(lever).catch((error: Error) => {
    if (!/: 4\d\d /.test(error.message)) throw error;
  });
}
