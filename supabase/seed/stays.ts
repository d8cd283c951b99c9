import type { Home, Person } from "./data.ts";
import type { Random } from "./random.ts";

/** A reservation. Days count from today: arrival -3 was three days ago. */
export type Stay = {
  home: Home;
  guest: Person;
  arrival: number;
  nights: number;
  guests: number;
  status: "confirmed" | "completed" | "cancelled" | "expired";
  bookedDaysAgo: number;
  cancelled?: { daysAgo: number; by: "guest" | "host"; refundPercent: 0 | 50 | 100 };
};
export type Block = { home: Home; arrival: number; nights: number; note: string };
type Span = { arrival: number; nights: number };

const PAST = -330;
const FUTURE = 150;

/** What the demo accounts find when they sign in: title, day of arrival, nights, guests, who. */
const TOLD: [title: string, arrival: number, nights: number, guests: number, login: string][] = [
  ["Skipper’s barge on the Prinsengracht", -214, 4, 2, "guest"],
  ["Machiya with a pocket garden in Nishijin", -77, 6, 2, "guest"],
  ["Azulejo flat above the rooftops of Alfama", 16, 5, 2, "guest"],
  ["Red rorbu on stilts in Lofoten", 58, 7, 3, "guest"],
  ["Azulejo flat above the rooftops of Alfama", -3, 6, 3, "olena"],
  ["Azulejo flat above the rooftops of Alfama", 5, 4, 4, "minjun"],
  ["Print shop loft in Marvila", 2, 3, 2, "chloe"],
  ["Quinta with a turret in the Sintra woods", 9, 7, 8, "oliver"],
  ["White house on the steps to Praia do Pinhão", -21, 7, 5, "zofia"],
  ["Granite one-bedroom by the Dom Luís bridge", -9, 4, 2, "kwame"],
];
const CANCELLED_BY_DEMO_GUEST = "Salmon weir flat in Galway";
const FAVORITES_OF_DEMO_GUEST = [
  "Bamboo nest above the Ayung",
  "Quinta with a turret in the Sintra woods",
  "Glass dome on the frozen bay",
  "Kettuvallam on the Kerala backwaters",
  "Lemon house on Lake Como",
  "Cave rooms under the balloons",
  "Oak treehouse with two hundred books",
];

const NOTES = [
  "Painting the bedroom",
  "The boiler is being serviced",
  "We are here ourselves",
  "My sister’s family visits",
  "Roof repairs",
  "New mattresses come this week",
  "Closed for the harvest",
  "Chimney sweep and spring cleaning",
  "The well pump is replaced",
  "Booked through a friend",
  "Floor is being sanded",
  "Keeping this weekend for ourselves",
];

const overlap = (a: Span, b: Span) =>
  a.arrival < b.arrival + b.nights && b.arrival < a.arrival + a.nights;

/** Keeps what is taken apart, by home and by guest: nobody sleeps in two places at once. */
class Calendar {
  readonly #taken = new Map<string, Span[]>();

  isFree(who: { id: string }, span: Span): boolean {
    return !this.#taken.get(who.id)?.some((other) => overlap(span, other));
  }

  take(who: { id: string }, { arrival, nights }: Span): void {
    this.#taken.set(who.id, [...(this.#taken.get(who.id) ?? []), { arrival, nights }]);
  }
}

/** All stays and blocked dates; no two of them overlap in one home. */
export function makeCalendar(
  homes: Home[],
  people: Person[],
  random: Random,
): { stays: Stay[]; blocks: Block[] } {
  const calendar = new Calendar();
  const stays: Stay[] = [];
  const add = (stay: Stay) => {
    if (!calendar.isFree(stay.home, stay)) throw new Error(`Taken twice: ${stay.home.title}`);
    if (stay.bookedDaysAgo >= stay.home.since) throw new Error(`Too new: ${stay.home.title}`);
    if (stay.guests > stay.home.rooms[2]) throw new Error(`Too many guests: ${stay.home.title}`);
    if (stay.status !== "cancelled" && stay.status !== "expired") {
      calendar.take(stay.home, stay);
      calendar.take(stay.guest, stay);
    }
    stays.push(stay);
  };

  for (const stay of toldStays(homes, people, random)) add(stay);
  const blocks = makeBlocks(homes, calendar, random);
  const travellers = people.filter(({ role, login }) => !role && login !== "guest");
  for (const home of homes.filter(({ status }) => status !== "draft")) {
    const last = home.status === "archived" ? -30 : FUTURE;
    for (let day = PAST + random.integer(0, 200); day < last; day += random.integer(20, 240)) {
      const span = { arrival: day, nights: random.pick([2, 2, 3, 3, 4, 4, 5, 6, 7, 7, 10, 14]) };
      const guest = random.pick(travellers);
      const guests = random.integer(1, home.rooms[2]);
      const stay = lived({ ...span, home, guest, guests }, random);
      const free = [home, guest].every((who) => calendar.isFree(who, span));
      if (free && guest !== home.host && stay.bookedDaysAgo < home.since) add(stay);
      day += span.nights;
    }
  }
  return { stays, blocks };
}

type Plan = Pick<Stay, "home" | "guest" | "arrival" | "nights" | "guests">;

/** How a stay went, or how it stands: most go well, some are called off. */
function lived(plan: Plan, random: Random, alwaysWell = false): Stay {
  const leadDays = random.integer(12, 80);
  // Somebody may have booked it only yesterday, but nobody tomorrow.
  const bookedDaysAgo = Math.max(leadDays - plan.arrival, random.integer(1, 20));
  const stay = { ...plan, bookedDaysAgo };
  const luck = alwaysWell ? 1 : random.next();
  if (luck < 0.015) return { ...stay, status: "expired" };
  if (luck < 0.1) return { ...stay, status: "cancelled", cancelled: callOff(stay, random) };
  return { ...stay, status: plan.arrival + plan.nights <= 0 ? "completed" : "confirmed" };
}

/** When, by whom and for how much it was called off, by the rules for refunds. */
function callOff(stay: Omit<Stay, "status">, random: Random): NonNullable<Stay["cancelled"]> {
  const daysAgo = random.integer(Math.max(1, 1 - stay.arrival), stay.bookedDaysAgo);
  const daysBefore = stay.arrival + daysAgo;
  const by = random.chance(0.2) ? "host" : "guest";
  const refundPercent = by === "host" || daysBefore >= 7 ? 100 : daysBefore >= 2 ? 50 : 0;
  return { daysAgo, by, refundPercent };
}

function toldStays(homes: Home[], people: Person[], random: Random): Stay[] {
  const home = (title: string) => homes.find((one) => one.title === title)!;
  const person = (login: string) => people.find((one) => one.login === login)!;
  const stays = TOLD.map(([title, arrival, nights, guests, login]) =>
    lived({ home: home(title), guest: person(login), arrival, nights, guests }, random, true),
  );
  const calledOff: Stay = {
    ...{ home: home(CANCELLED_BY_DEMO_GUEST), guest: person("guest") },
    ...{ arrival: -38, nights: 3, guests: 2, status: "cancelled", bookedDaysAgo: 90 },
    cancelled: { daysAgo: 42, by: "guest", refundPercent: 50 },
  };
  return [...stays, calledOff];
}

function makeBlocks(homes: Home[], calendar: Calendar, random: Random): Block[] {
  const blocks: Block[] = [];
  for (const home of homes.filter(({ status }) => status === "listed")) {
    const span = { arrival: random.integer(-59, 120), nights: random.integer(2, 12) };
    const wanted = home.host.login === "host" || random.chance(0.22);
    if (wanted && home.since > 60 && calendar.isFree(home, span)) {
      calendar.take(home, span);
      blocks.push({ home, ...span, note: random.pick(NOTES) });
    }
  }
  return blocks;
}

/** Who likes what: the demo guest what is told, everybody else a handful. */
export function makeFavorites(
  homes: Home[],
  people: Person[],
  random: Random,
): { person: Person; home: Home; daysAgo: number }[] {
  const listed = homes.filter(({ status }) => status === "listed");
  return people
    .filter(({ role }) => !role)
    .flatMap((person) => {
      const likes =
        person.login === "guest"
          ? listed.filter(({ title }) => FAVORITES_OF_DEMO_GUEST.includes(title))
          : listed.filter(({ host }) => host !== person && random.chance(0.02));
      return likes
        .filter(({ since }) => since > 1)
        .map((home) => ({
          person,
          home,
          daysAgo: random.integer(1, Math.min(200, home.since - 1)),
        }));
    });
}
