import type { ReactNode } from "react";
import {
  Body,
  Button,
  Container,
  Head,
  Heading,
  Hr,
  Html,
  Link,
  Preview,
  Section,
  Text,
} from "react-email";
import { formatInstant } from "../format.ts";
import { type Topic, topics } from "./topics.ts";

const BRAND = "Djanobnb";
const FONT =
  "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const INK = "#1c1917";
const MUTED = "#57534e";
const LINE = "#e7e5e4";
const ACCENT = "#0f766e";

/** Long words break rather than widen the mail beyond a phone. */
const BREAK = { overflowWrap: "anywhere", wordBreak: "break-word" } as const;

/**
 * What inline styles cannot say: dark colours and phones. A mail program that ignores this shows
 * the light mail, which is whole without it.
 */
const CSS = `
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  .listing td { border-top: 1px solid ${LINE}; padding: 10px 12px 10px 0; vertical-align: top; font-size: 14px; line-height: 20px; overflow-wrap: anywhere; word-break: break-word; }
  .listing th { padding: 0 12px 8px 0; text-align: left; font-size: 12px; font-weight: 600; color: ${MUTED}; }
  .listing .muted { color: ${MUTED}; }
  .listing .end { padding-right: 0; text-align: right; white-space: nowrap; }
  @media (max-width: 520px) {
    .edge { padding: 0 !important; }
    .card { border: 0 !important; border-radius: 0 !important; }
    .pad { padding: 24px 20px !important; }
    .facts th, .facts td { display: block !important; width: auto !important; padding: 0 !important; border: 0 !important; }
    .facts td { padding-bottom: 12px !important; }
    .button { display: block !important; text-align: center !important; }
    .listing thead { display: none !important; }
    .listing td { display: block !important; border: 0 !important; padding: 0 !important; }
    .row { display: block !important; border-top: 1px solid ${LINE}; padding: 12px 0 !important; }
    .listing .muted { color: ${MUTED}; }
  .listing .end { text-align: left !important; }
  }
  @media (prefers-color-scheme: dark) {
    .page, .page > table > tbody > tr > td { background: #171412 !important; }
    .card { background: #24201e !important; border-color: #3b3532 !important; }
    .ink, .ink a { color: #f5f5f4 !important; }
    .muted, .listing .muted, .listing th { color: #b4aca6 !important; }
    .accent { color: #5eead4 !important; }
    .line, .facts th, .facts td, .listing td, .row { border-color: #3b3532 !important; }
    .button { background: #2dd4bf !important; color: #10201e !important; }
    .quote { background: #2d2826 !important; border-color: #5eead4 !important; }
  }
`.replace(/\s+/g, " ");

/** The frame that all mails share. */
export function Layout(props: {
  subject: string;
  preview: string;
  reason: string;
  home: string;
  /** Where to unsubscribe from what; not for mails that are essential. */
  unsubscribe?: { topic: Topic; url: string } | undefined;
  content: ReactNode;
}) {
  return (
    <Html lang="en">
      <Head>
        <title>{props.subject}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        <style>{CSS}</style>
      </Head>
      <Body className="page" style={{ margin: 0, backgroundColor: "#f5f5f4", fontFamily: FONT }}>
        <Preview useTitleTag={false}>{props.preview}</Preview>
        <Section tdClassName="edge" style={{ padding: "24px 12px" }}>
          <Container
            className="card"
            tdClassName="pad"
            style={{
              maxWidth: "600px",
              padding: "28px 32px",
              backgroundColor: "#ffffff",
              border: `1px solid ${LINE}`,
              borderRadius: "12px",
            }}
          >
            <Text
              className="accent"
              data-skip-in-text="true"
              style={{ margin: 0, fontSize: "17px", fontWeight: 700, color: ACCENT }}
            >
              {BRAND}
            </Text>
            {props.content}
            <Hr
              className="line"
              style={{ borderTop: `1px solid ${LINE}`, margin: "28px 0 14px" }}
            />
            <Text className="muted" style={{ ...small, margin: 0 }}>
              {props.reason}{" "}
              <Link className="muted" href={props.home} style={{ color: MUTED, ...underline }}>
                {`Open ${BRAND}`}
              </Link>
            </Text>
            {props.unsubscribe && (
              <Text className="muted" style={{ ...small, margin: "8px 0 0" }}>
                <Link
                  className="muted"
                  href={props.unsubscribe.url}
                  style={{ color: MUTED, ...underline }}
                >
                  Unsubscribe from {topics[props.unsubscribe.topic]}
                </Link>
              </Text>
            )}
          </Container>
        </Section>
      </Body>
    </Html>
  );
}

const underline = { textDecorationLine: "underline" } as const;
const small = { fontSize: "13px", lineHeight: "19px", color: MUTED, ...BREAK } as const;
const body = { fontSize: "16px", lineHeight: "24px", color: INK, ...BREAK } as const;

export function Title({ children }: { children: ReactNode }) {
  const style = { fontSize: "24px", lineHeight: "31px", fontWeight: 700, color: INK, ...BREAK };
  return (
    <Heading as="h1" className="ink" style={{ ...style, margin: "18px 0 12px" }}>
      {children}
    </Heading>
  );
}

export function Subtitle({ children }: { children: ReactNode }) {
  const style = { fontSize: "17px", lineHeight: "24px", fontWeight: 700, color: INK, ...BREAK };
  return (
    <Heading as="h2" className="ink" style={{ ...style, margin: "26px 0 8px" }}>
      {children}
    </Heading>
  );
}

export function Paragraph({ children }: { children: ReactNode }) {
  return (
    <Text className="ink" style={{ ...body, margin: "0 0 14px" }}>
      {children}
    </Text>
  );
}

export function Hint({ children }: { children: ReactNode }) {
  return (
    <Text className="muted" style={{ ...small, margin: "14px 0 0" }}>
      {children}
    </Text>
  );
}

/** Names and values; one that is null is left out. */
export function Facts({ facts }: { facts: [label: string, value: string | null][] }) {
  const cell = { padding: "9px 0", borderTop: `1px solid ${LINE}`, verticalAlign: "top" } as const;
  const shown = facts.flatMap(([label, value]) => (value === null ? [] : [{ label, value }]));
  return (
    <table
      className="facts"
      width="100%"
      cellPadding="0"
      cellSpacing="0"
      style={{ margin: "18px 0", borderCollapse: "collapse" }}
    >
      <tbody>
        {shown.map(({ label, value }) => (
          <tr key={label}>
            <th
              scope="row"
              className="muted"
              style={{ ...small, ...cell, width: "34%", textAlign: "left", fontWeight: 400 }}
            >
              {label}
            </th>
            <td className="ink" style={{ ...body, ...cell, fontSize: "15px", lineHeight: "21px" }}>
              {value}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The one thing to do next. */
export function Action({ href, children }: { href: string; children: string }) {
  return (
    <Button
      className="button"
      href={href}
      style={{
        backgroundColor: ACCENT,
        color: "#ffffff",
        borderRadius: "8px",
        fontSize: "16px",
        fontWeight: 600,
        padding: "13px 22px",
        marginTop: "6px",
      }}
    >
      {children}
    </Button>
  );
}

const LONGEST_QUOTE = 4_000;

/** What a person wrote, with its line breaks; the rest of a very long text is behind the link. */
export function Quote(props: { text: string; author?: string; at?: string }) {
  const { text, author, at } = props;
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)} …` : text;
  return (
    <Section
      className="quote"
      style={{
        margin: "0 0 14px",
        padding: "12px 16px",
        backgroundColor: "#f5f5f4",
        borderLeft: `3px solid ${ACCENT}`,
      }}
    >
      {author && (
        <Text className="muted" style={{ ...small, margin: "0 0 6px" }}>
          <strong>{author}</strong>
          {at && <>, {formatInstant(at)}</>}
        </Text>
      )}
      <Text className="ink" style={{ ...body, fontSize: "15px", lineHeight: "22px", margin: 0 }}>
        {shown.split("\n").map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity
          <span key={index}>
            {index > 0 && <br />}
            {line}
          </span>
        ))}
      </Text>
    </Section>
  );
}

/** A table of things; on a phone each row becomes a block. The first column may be a link. */
export function Listing(props: {
  columns: string[];
  rows: { key: string; href: string; cells: string[]; note: string }[];
}) {
  const last = props.columns.length - 1;
  return (
    <table className="listing" width="100%" cellPadding="0" cellSpacing="0">
      <thead data-skip-in-text="true">
        <tr>
          {props.columns.map((column, index) => (
            <th key={column} scope="col" className={index === last ? "end" : undefined}>
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map(({ key, href, cells, note }) => (
          <tr key={key} className="row">
            {cells.map((cell, index) => (
              <td key={props.columns[index]} className={index === last ? "ink end" : "ink"}>
                {index === 0 ? (
                  <>
                    <a href={href} style={{ color: ACCENT }} className="accent">
                      {cell}
                    </a>
                    <br />
                    <span className="muted">{note}</span>
                  </>
                ) : (
                  cell
                )}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
