import { seedId } from "./data.ts";
import type { Inquiry } from "./inquiries.ts";
import { insert } from "./sql.ts";
import type { Stay } from "./stays.ts";

const hoursAgo = (column: string) => `now() - ${column} * interval '1 hour'`;
const inquiryId = (index: number) =>
  `f0000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;

/** The statements of `seed.sql` for the inquiries and all that was said and done. */
export function inquiriesSql(all: Inquiry[], stays: Stay[]): string[] {
  return [inquiries(all, stays), visitors(all), messages(all), events(all)];
}

function inquiries(all: Inquiry[], stays: Stay[]): string {
  return insert(
    "public.inquiries",
    {
      id: "id",
      user_id: "user_id",
      visitor_name: "visitor_name",
      subject: "subject",
      message: "message",
      severity: "severity",
      status: "status",
      assigned_to: "agent",
      reservation_id: "reservation_id",
      due_at: hoursAgo("due"),
      assigned_at: hoursAgo("assigned"),
      first_response_at: hoursAgo("answered"),
      resolved_at: hoursAgo("resolved"),
      rating: "rating",
      rating_comment: "word",
      created_at: hoursAgo("asked"),
      updated_at: hoursAgo("changed"),
    },
    {
      id: "uuid",
      user_id: "uuid",
      visitor_name: "text",
      subject: "text",
      message: "text",
      severity: "public.inquiry_severity",
      status: "public.inquiry_status",
      agent: "uuid",
      reservation_id: "uuid",
      due: "numeric",
      assigned: "numeric",
      answered: "numeric",
      resolved: "numeric",
      rating: "smallint",
      word: "text",
      asked: "numeric",
      changed: "numeric",
    },
    all.map((inquiry, index) => {
      const { story, author, agent } = inquiry;
      return [
        ...[inquiryId(index), author?.id ?? null, story.visitor ?? null, story.subject],
        ...[story.message, inquiry.severity, inquiry.status, agent?.id ?? null],
        ...[stayId(inquiry, stays), inquiry.due, inquiry.assigned, inquiry.answered],
        ...[inquiry.resolved, inquiry.rating, inquiry.word, story.asked, inquiry.changed],
      ];
    }),
  );
}

function stayId({ story, author }: Inquiry, stays: Stay[]): string | null {
  if (!story.stay) return null;
  const index = stays.findIndex(({ home, guest }) => home.title === story.stay && guest === author);
  if (index < 0) throw new Error(`inquiries.toml: no stay of ${story.author} at "${story.stay}".`);
  return seedId("stay", index + 1);
}

function visitors(all: Inquiry[]): string {
  return insert(
    "private.inquiry_visitors",
    { inquiry_id: "inquiry_id", address: "address" },
    { inquiry_id: "uuid", address: "text" },
    all.flatMap(({ story: { address } }, index) => (address ? [[inquiryId(index), address]] : [])),
  );
}

function messages(all: Inquiry[]): string {
  return insert(
    "public.inquiry_messages",
    {
      inquiry_id: "inquiry_id",
      author_id: "author_id",
      author_role: "author_role",
      body: "body",
      internal: "internal = 1",
      created_at: hoursAgo("ago"),
    },
    {
      inquiry_id: "uuid",
      author_id: "uuid",
      author_role: "public.user_role",
      body: "text",
      internal: "integer",
      ago: "numeric",
    },
    all.flatMap(({ said }, index) =>
      said.map(({ by, role, body, internal, ago }) => [
        ...[inquiryId(index), by.id, role, body, Number(internal), ago],
      ]),
    ),
  );
}

function events(all: Inquiry[]): string {
  return insert(
    "public.inquiry_events",
    {
      inquiry_id: "inquiry_id",
      change: "change",
      from_value: "from_value",
      to_value: "to_value",
      actor_id: "actor_id",
      created_at: hoursAgo("ago"),
    },
    {
      inquiry_id: "uuid",
      change: "public.inquiry_change",
      from_value: "text",
      to_value: "text",
      actor_id: "uuid",
      ago: "numeric",
    },
    all.flatMap(({ changes }, index) =>
      changes.map(({ change, from, to, by, ago }) => [
        ...[inquiryId(index), change, from, to, by?.id ?? null, ago],
      ]),
    ),
  );
}
