import { z } from "zod";
import { capitalize } from "../../format.ts";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  alert: text,
  summary: text,
  facts: z.array(z.object({ label: text, value: z.coerce.string() })),
});

const TITLES: Record<string, string> = {
  amount_mismatch: "A payment does not match its reservation",
  dispute_opened: "A guest disputes a payment",
  dispute_closed: "A dispute was closed",
  host_left: "A host has left, and guests are still to come",
  refund_failed: "A refund came back",
  dead_letter: "Work about money was given up",
  reconciliation: "The books differ from Stripe's",
};

/** An alert that has no title yet is told by its name. */
function titleOf(alert: string): string {
  return TITLES[alert] ?? capitalize(alert.replaceAll("_", " "));
}

export default template({
  schema,
  subject: ({ alert }) => `Alert: ${titleOf(alert)}`,
  preview: ({ summary }) => summary,
  reason: "You get this mail because you are an admin.",
  content: ({ alert, summary, facts }, link) => (
    <>
      <Title>{titleOf(alert)}</Title>
      <Paragraph>{summary}</Paragraph>
      {facts.length > 0 && <Facts facts={facts.map(({ label, value }) => [label, value])} />}
      <Action href={link("/admin")}>Open the admin pages</Action>
    </>
  ),
});
