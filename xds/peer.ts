// The identity of the other end, from its verified certificate.

/**
 * The URI entries of a certificate's subject alternative name, from the string that node:tls gives
 * (`URI:spiffe://a/b, DNS:c`). Node writes a value with commas, quotes or control characters as a
 * JSON string, so a value cannot pretend to be a second entry. Returns [] if the string is not of
 * that form: then it authenticates nobody.
 */
export function parseUriNames(subjectAltName: string): readonly string[] {
  const names: string[] = [];
  const entry = /([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))(?:, (?=.)|$)/gsuy;
  while (entry.lastIndex < subjectAltName.length) {
    const match = entry.exec(subjectAltName);
    if (match === null) return [];
    const [, type, quoted, plain] = match;
    if (type !== 'URI') continue;
    const name = quoted === undefined ? plain : parseQuoted(quoted);
    if (name === undefined) return [];
    names.push(name);
  }
  return names;
}

function parseQuoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
