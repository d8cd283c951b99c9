import { z } from "zod";
import { Action, Paragraph, Quote, Title } from "../layout.tsx";
import { id, severity, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  inquiry_id: id,
  subject: text,
  severity,
  message: z.string(),
});

const ANSWER_WITHIN = { urgent: "4 hours", high: "24 hours", normal: "72 hours" };

export default template({
  schema,
  subject: (inquiry) => `We got your inquiry: ${inquiry.subject}`,
  preview: (inquiry) => `We answer within ${ANSWER_WITHIN[inquiry.severity]}.`,
  reason: "You get this mail because you wrote to us.",
  content: (inquiry, link) => (
    <>
      <Title>We got your inquiry</Title>
      <Paragraph>Hello {inquiry.recipient_name},</Paragraph>
      <Paragraph>
        Thank you for writing to us. We answer within {ANSWER_WITHIN[inquiry.severity]}.
      </Paragraph>
      <Quote author={inquiry.subject} text={inquiry.message} />
      <Action href={link(`/inquiries/${inquiry.inquiry_id}`)}>See your inquiry</Action>
    </>
  ),
});
