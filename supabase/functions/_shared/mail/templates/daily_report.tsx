import { z } from "zod";
import { formatDate, formatDay, formatMoney, formatNumber } from "../../format.ts";
import { Action, Facts, Hint, Listing, Paragraph, Subtitle, Title } from "../layout.tsx";
import { count, currency, day, id, money, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  report_date: day,
  timezone: text,
  property_count: count,
  totals: z.object({
    new_listings: count,
    bookings: count,
    turnover: z.array(z.object({ currency, amount: money })),
    open_inquiries: z.object({ urgent: count, high: count, normal: count }),
  }),
  properties: z.array(
    z.object({
      id,
      title: text,
      city: text,
      country_name: text,
      category: text,
      price_per_night: money,
      currency,
      host_name: text,
    }),
  ),
});

type Props = z.infer<typeof schema>;

export default template({
  schema,
  subject: (report) => `Daily report, ${formatDate(report.report_date)}: ${newListings(report)}`,
  preview: ({ totals }) =>
    `${formatNumber(totals.bookings)} bookings, turnover ${turnover(totals)}`,
  reason: "You get this mail because you are an admin.",
  topic: "reports",
  content: (report, link) => (
    <>
      <Title>{`Daily report, ${formatDay(report.report_date)}`}</Title>
      <Facts
        facts={[
          ["New listings", formatNumber(report.totals.new_listings)],
          ["Bookings", formatNumber(report.totals.bookings)],
          ["Turnover", turnover(report.totals)],
          ["Open inquiries", openInquiries(report.totals)],
        ]}
      />
      <Action href={link(`/admin/reports/${report.report_date}`)}>Open the report</Action>
      <Subtitle>New listings</Subtitle>
      {report.properties.length === 0 ? (
        <Paragraph>Nobody added a listing on this day.</Paragraph>
      ) : (
        <Listing
          columns={["Listing", "Host", "Price"]}
          rows={report.properties.map((home) => ({
            key: home.id,
            href: link(`/properties/${home.id}`),
            note: `${home.city}, ${home.country_name} · ${home.category}`,
            cells: [
              home.title,
              home.host_name,
              `${formatMoney(home.price_per_night, home.currency)} a night`,
            ],
          }))}
        />
      )}
      {report.property_count > report.properties.length && (
        <Paragraph>
          These are {formatNumber(report.properties.length)} of{" "}
          {formatNumber(report.property_count)}: the attached CSV file has all of them.
        </Paragraph>
      )}
      <Hint>The day is counted in the time zone {report.timezone}.</Hint>
    </>
  ),
});

function newListings({ property_count }: Props): string {
  return property_count === 1 ? "1 new listing" : `${formatNumber(property_count)} new listings`;
}

function turnover({ turnover }: Props["totals"]): string {
  return turnover.map(({ amount, currency }) => formatMoney(amount, currency)).join(", ") || "0";
}

function openInquiries({ open_inquiries: { urgent, high, normal } }: Props["totals"]): string {
  return `${formatNumber(urgent)} urgent, ${formatNumber(high)} high, ${formatNumber(normal)} normal`;
}
