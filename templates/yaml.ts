// YAML that every reader takes for the same values. Readers of YAML 1.1 (Envoy's, kubectl's,
// Python's) interpret more plain text than readers of 1.2: `on` and `n` are booleans, `010` is
// eight, `1:20` eighty, `2026-01-01` a date. Such text is quoted.

import { Document, visit } from 'yaml';

/** Text that some reader does not take for text, or for other text. */
const ambiguous = [
  // Booleans, nothing, numbers that are none, and the keys of merging and of defaults.
  /^(?:y|yes|n|no|on|off|true|false|~|null|none|[-+]?\.?(?:inf|infinity|nan)|<<|=)?$/i,
  // Numbers: decimal with grouping, of base 60, octal, hexadecimal, binary; some readers miss no
  // digits in them.
  /^[-+]?(?:0[xob][\da-f_]*|[\d_,]*(?::\d+)*(?:\.[\d_]*)?(?:e[-+]?\d*)?)$/i,
  // Dates and times.
  /^\d{4}-\d\d?-\d\d?(?:$|[Tt\s])/,
];

/** Marks that end a line for some readers, or begin a file. */
const lineEnds = /[\u0085\u2028\u2029\ufeff]/g;

/** Plain data as YAML that ends in a newline. */
export function formatYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      const text = scalar.value;
      if (typeof text !== 'string') return;
      if (ambiguous.some((form) => form.test(text)) || text.search(lineEnds) >= 0) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  const escape = (mark: string): string => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return document.toString({ lineWidth: 0 }).replaceAll(lineEnds, escape);
}
