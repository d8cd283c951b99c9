import { z } from "zod";
import { capitalize, formatInstant } from "../../format.ts";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { id, instant, severity, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  inquiry_id: id,
  subject: text,
  severity,
  author_name: text,
  due_at: instant,
  assigned_to_name: text.nullable(),
});

export default template({
  schema,
  subject: (inquiry) => `Overdue (${inquiry.severity}): ${inquiry.subject}`,
  preview: (inquiry) => `Was due ${formatInstant(inquiry.due_at)}`,
  reason: "You get this mail because you are an admin.",
  content: (inquiry, link) => (
    <>
      <Title>An inquiry waits for its first answer</Title>
      <Paragraph>It is overdue, and nobody has answered yet.</Paragraph>
      <Facts
        facts={[
          ["Subject", inquiry.subject],
          ["From", inquiry.author_name],
          ["Severity", capitalize(inquiry.severity)],
          ["Was due", formatInstant(inquiry.due_at)],
          ["Assigned to", inquiry.assigned_to_name ?? "nobody"],
        ]}
      />
      <Action href={link(`/desk/inquiries/${inquiry.inquiry_id}`)}>Open the inquiry</Action>
    </>
  ),
});
