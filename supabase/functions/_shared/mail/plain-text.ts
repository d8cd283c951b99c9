import type { toPlainText } from "react-email";

type Options = NonNullable<Parameters<typeof toPlainText>[1]>;
type Formatter = NonNullable<Options["formatters"]>[string];

const address = { noWordTransform: true };

/** A button becomes its words and, below them, the address. */
const button: Formatter = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2 });
  walk(element.children, builder);
  builder.addInline(":");
  builder.addLineBreak();
  builder.addInline(element.attribs?.href ?? "", address);
  builder.closeBlock({ trailingLineBreaks: 2 });
};

/** A quotation keeps its lines, each behind the mark that mails have always used. */
const quote: Formatter = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2, reservedLineLength: 2 });
  walk(element.children, builder);
  builder.closeBlock({
    trailingLineBreaks: 2,
    blockTransform: (text) =>
      text
        .split("\n")
        .map((line) => `> ${line}`.trimEnd())
        .join("\n"),
  });
};

/** Of each row the name, and below it, indented, what the other columns say. */
const listing: Formatter = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2 });
  walk(element.children, builder);
  builder.closeBlock({ trailingLineBreaks: 2 });
};

/** How the HTML of our layout turns into a plain text that reads well by itself. */
export const plainTextOptions: Options = {
  wordwrap: 78,
  formatters: { button, quote, listing },
  selectors: [
    { selector: "h1", options: { uppercase: false } },
    { selector: "h2", options: { uppercase: false } },
    { selector: "a.button", format: "button" },
    { selector: "table.quote", format: "quote" },
    {
      selector: "table.facts",
      format: "dataTable",
      options: { uppercaseHeaderCells: false, maxColumnWidth: 52 },
    },
    { selector: "table.listing", format: "listing" },
    { selector: "tr.row", format: "block", options: { leadingLineBreaks: 2 } },
  ],
};
