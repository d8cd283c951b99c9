import { z } from "zod";
import { formatDay, formatMoney } from "../../format.ts";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { currency, day, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  property_title: text,
  check_in: day,
  check_out: day,
  amount: money,
  currency,
  reason: z.enum(["too_late", "given_back", "paid_twice"]),
});

/** What happened to the money, in words: a headline for the mail and for a list of mails, and why. */
const words = {
  too_late: {
    subject: "Your stay could not be booked: you get your money back",
    title: "We are sorry: these dates are gone",
    why: "We kept the dates for you while you paid, but your payment came after that time, and they were no longer to be had.",
  },
  given_back: {
    subject: "You had given this stay back: you get your money back",
    title: "A payment for a stay that you gave back",
    why: "Your payment came when you had already given these dates back, so it booked nothing.",
  },
  paid_twice: {
    subject: "You paid twice: you get one payment back",
    title: "Your stay was paid already",
    why: "Two payments came for this stay. It is booked, and the second payment is not needed.",
  },
};

export default template({
  schema,
  subject: ({ reason }) => words[reason].subject,
  preview: (stay) => `${formatMoney(stay.amount, stay.currency)} goes back to you in full.`,
  reason: "You get this mail because you paid for a stay.",
  content: (stay, link) => (
    <>
      <Title>{words[stay.reason].title}</Title>
      <Paragraph>Hello {stay.recipient_name},</Paragraph>
      <Paragraph>
        {words[stay.reason].why} All of it is on its way back, the way you paid; banks take up to
        ten days. There is nothing that you have to do.
      </Paragraph>
      <Facts
        facts={[
          ["Home", stay.property_title],
          ["Check-in", formatDay(stay.check_in)],
          ["Check-out", formatDay(stay.check_out)],
          ["Refund", formatMoney(stay.amount, stay.currency)],
        ]}
      />
      {stay.reason !== "paid_twice" && <Action href={link("/")}>Find another stay</Action>}
    </>
  ),
});
