const ADDRESS = /^[^\s@<>()[\]\\,;:"\p{Cc}]{1,64}@[^\s@<>()[\]\\,;:"\p{Cc}]{1,190}$/u;

/** Whether this is an address and nothing else: no name, no second one, nothing that ends a header. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/**
 * `Djanobnb <hello@djanobnb.test>`, or the address alone; undefined when it is neither, or its domain
 * is not as DNS writes it (`xn--…`), since it stands in each Message-ID.
 */
export function parseSender(from: string): { name: string; address: string } | undefined {
  const [, name = "", address = from.trim()] =
    /^\s*"?([^<>"]*?)"?\s*<([^<>]*)>\s*$/.exec(from) ?? [];
  const [, domain = ""] = address.split("@");
  return isAddress(address) && /^[\w.-]+$/.test(domain) ? { name, address } : undefined;
}
