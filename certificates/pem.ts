// PEM files that hold several certificates.

/** The certificates of a PEM text, each with its BEGIN and END line and a final line break. */
export function splitPem(text: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => `${block}\n`);
}
