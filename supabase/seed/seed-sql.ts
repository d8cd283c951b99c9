import { type Home, type Person, seedId } from "./data.ts";
import type { Inquiry } from "./inquiries.ts";
import { inquiriesSql } from "./inquiries-sql.ts";
import { Random } from "./random.ts";
import { insert, values } from "./sql.ts";
import type { Block, Stay } from "./stays.ts";

type Seed = {
  people: Person[];
  homes: Home[];
  altTexts: string[];
  stays: Stay[];
  blocks: Block[];
  favorites: { person: Person; home: Home; daysAgo: number }[];
  inquiries: Inquiry[];
};

/** bcrypt of the one password of all demo accounts, `djanobnb-demo`; hashing anew takes seconds. */
const PASSWORD = "$2a$10$CfXPnvD4C7VFGv9hIYWMgObnBqGjwdNSDPlxqH6KU3knpINJ2iAbG";

/** A moment so many days ago, at the time of day `clock`. */
const moment = (days: string) => `(private.today() - ${days} + clock) at time zone 'utc'`;

/** The whole of `seed.sql`. */
export function seedSql(seed: Seed): string {
  const clocks = new Random("clocks");
  const clock = () =>
    [clocks.integer(6, 22), clocks.integer(0, 59)]
      .map((part) => String(part).padStart(2, "0"))
      .join(":");
  return `${[
    `-- Demo data, written by \`npm run seed\` from supabase/seed/: change it there.
-- Everybody's password is djanobnb-demo. All dates count from the day on which this is loaded.`,
    "-- Nothing is queued or mailed meanwhile.\nset djanobnb.seeding = 'on';",
    accounts(seed.people, clock),
    INSTANCE,
    identities,
    profiles(seed.people),
    ...roles(seed.people),
    properties(seed.homes, clock),
    images(seed),
    reservations(seed.stays, clock),
    blocks(seed.blocks, clock),
    favorites(seed.favorites, clock),
    ...inquiriesSql(seed.inquiries, seed.stays),
    "reset djanobnb.seeding;",
  ].join("\n\n")}\n`;
}

/** Accounts as the Auth server keeps them: it wants empty strings for the tokens, not nulls. */
function accounts(people: Person[], clock: () => string): string {
  const tokens = [
    "confirmation_token",
    "recovery_token",
    "email_change",
    "email_change_token_new",
    "email_change_token_current",
    "phone_change",
    "phone_change_token",
    "reauthentication_token",
  ];
  const days = new Random("accounts");
  const since = (index: number) => (index < 4 ? 700 - index : days.integer(650, 690));
  return insert(
    "auth.users",
    {
      id: "id",
      aud: "'authenticated'",
      role: "'authenticated'",
      email: "login || '@djanobnb.test'",
      encrypted_password: `'${PASSWORD}'`,
      email_confirmed_at: moment("days"),
      raw_app_meta_data: `'{"provider": "email", "providers": ["email"]}'`,
      raw_user_meta_data: "jsonb_build_object('name', name)",
      created_at: moment("days"),
      updated_at: moment("days"),
      ...Object.fromEntries(tokens.map((token) => [token, "''"])),
    },
    { id: "uuid", login: "text", name: "text", days: "integer", clock: "time" },
    people.map(({ id, login, name }, index) => [id, login, name, since(index), clock()]),
  );
}

/** Supabase's Auth server finds people by this column, which the local platform does not have. */
const INSTANCE = `do $$
begin
  if exists (
    select from information_schema.columns
    where table_schema = 'auth' and table_name = 'users' and column_name = 'instance_id'
  ) then
    update auth.users set instance_id = '00000000-0000-0000-0000-000000000000'
    where email like '%@djanobnb.test';
  end if;
end;
$$;`;

const identities = `insert into auth.identities (id, provider, provider_id, user_id, identity_data, created_at, updated_at)
select id, 'email', id::text, id,
  jsonb_build_object('sub', id, 'email', email, 'email_verified', true, 'phone_verified', false),
  created_at, updated_at
from auth.users where email like '%@djanobnb.test';`;

/** The rows are there since the sign-up; what they lack is the picture and the day. */
function profiles(people: Person[]): string {
  const pictures = people.filter(({ look }) => look).map(({ id }) => `'${id}'`);
  return `update public.profiles p
set created_at = u.created_at,
  avatar_path = case when p.id in (
    ${pictures.join(",\n    ")}
  ) then p.id || '/avatar.webp' end
from auth.users u where u.id = p.id and u.email like '%@djanobnb.test';`;
}

function roles(people: Person[]): string[] {
  return people
    .filter(({ role }) => role)
    .map(
      ({ id, role }) => `update public.user_roles set role = '${role}' where user_id = '${id}';`,
    );
}

function properties(homes: Home[], clock: () => string): string {
  const days = new Random("changes");
  return insert(
    "public.properties",
    {
      id: "id",
      host_id: "host_id",
      title: "title",
      description: "description",
      category: "category",
      country_code: "country_code",
      city: "city",
      price_per_night: "price_per_night",
      bedrooms: "bedrooms",
      bathrooms: "bathrooms",
      guests: "guests",
      status: "status",
      created_at: moment("since"),
      updated_at: moment("changed"),
    },
    {
      id: "uuid",
      host_id: "uuid",
      country_code: "text",
      city: "text",
      category: "text",
      title: "text",
      description: "text",
      price_per_night: "integer",
      bedrooms: "integer",
      bathrooms: "integer",
      guests: "integer",
      status: "public.property_status",
      since: "integer",
      changed: "integer",
      clock: "time",
    },
    homes.map((home) => {
      const changed = days.integer(1, Math.min(home.since, 200));
      return [
        ...[home.id, home.host.id, home.country, home.city, home.category, home.title],
        ...[home.description, home.price * 100, ...home.rooms, home.status, home.since, changed],
        clock(),
      ];
    }),
  );
}

function images({ homes, altTexts }: Seed): string {
  return `insert into public.property_images (id, property_id, path, alt_text, position)\n${values(
    homes.map(({ id, host }, index) => [
      seedId("image", index + 1),
      id,
      `${host.id}/${id}/cover.webp`,
      altTexts[index]!,
      0,
    ]),
  )};`;
}

function reservations(stays: Stay[], clock: () => string): string {
  const subtotal = "price_per_night * nights";
  const fee = `private.service_fee(${subtotal})`;
  return insert(
    "public.reservations",
    {
      id: "given.id",
      property_id: "p.id",
      guest_id: "guest_id",
      check_in: "private.today() + arrival",
      check_out: "private.today() + arrival + nights",
      guests: "given.guests",
      price_per_night: "price_per_night",
      subtotal,
      service_fee: fee,
      currency: "currency",
      status: "given.status",
      hold_expires_at: `${moment("booked")} + interval '35 minutes'`,
      cancelled_at: moment("cancelled"),
      cancelled_by: "cancelled_by",
      refund_amount: `((${subtotal} + ${fee}) * refund_percent + 50) / 100`,
      created_at: moment("booked"),
      updated_at: moment("coalesce(cancelled, booked)"),
    },
    {
      id: "uuid",
      property_id: "uuid",
      guest_id: "uuid",
      arrival: "integer",
      nights: "integer",
      guests: "integer",
      status: "public.reservation_status",
      booked: "integer",
      clock: "time",
      cancelled: "integer",
      cancelled_by: "public.cancelling_party",
      refund_percent: "integer",
    },
    stays.map(({ home, guest, cancelled, ...stay }, index) => [
      ...[seedId("stay", index + 1), home.id, guest.id, stay.arrival, stay.nights, stay.guests],
      ...[stay.status, stay.bookedDaysAgo, clock(), cancelled?.daysAgo ?? null],
      ...[cancelled?.by ?? null, cancelled?.refundPercent ?? 0],
    ]),
    "\njoin public.properties p on p.id = given.property_id",
  );
}

function blocks(all: Block[], clock: () => string): string {
  return insert(
    "public.property_blocks",
    {
      id: "id",
      property_id: "property_id",
      check_in: "private.today() + arrival",
      check_out: "private.today() + arrival + nights",
      note: "note",
      created_at: moment("60"),
    },
    {
      id: "uuid",
      property_id: "uuid",
      arrival: "integer",
      nights: "integer",
      note: "text",
      clock: "time",
    },
    all.map(({ home, arrival, nights, note }, index) => [
      seedId("block", index + 1),
      ...[home.id, arrival, nights, note, clock()],
    ]),
  );
}

function favorites(all: Seed["favorites"], clock: () => string): string {
  return insert(
    "public.favorites",
    { user_id: "user_id", property_id: "property_id", created_at: moment("days") },
    { user_id: "uuid", property_id: "uuid", days: "integer", clock: "time" },
    all.map(({ person, home, daysAgo }) => [person.id, home.id, daysAgo, clock()]),
  );
}
