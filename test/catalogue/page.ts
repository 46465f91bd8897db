// docs/reference/fields.md: the catalogue as people read it. A row is a field, or several under one
// roof of which the same can be said.

import type { FindingCode, Kind } from '../../mesh/index.ts';
import { formatSteps, type Steps } from './fields.ts';
import type { Proof } from './proof.ts';

/** A field of a kind and its effect. */
export interface FieldRow {
  readonly steps: Steps;
  readonly is:
    | { readonly applied: Proof | undefined }
    | { readonly reported: FindingCode | undefined }
    | { readonly elsewhere: string };
}

/** The whole page, before it is formatted. */
export function writePage(rows: ReadonlyMap<Kind, readonly FieldRow[]>): string {
  return [head, ...[...rows].map(([kind, fields]) => writeKind(kind, fields))].join('\n');
}

const head = `# Fields

The effect of every field of every kind that is read. \`npm run golden\` writes this page from the kinds' schemas and the golden
cases, and a test holds it.

- **applied**: the golden case that is named has the field. Without the field, or with another value if there must be one, Envoy is
  configured otherwise. The cases are in \`test/golden/cases\`; all of them include \`base\`.
- **reported**: the field has no effect, and a Finding with [that code](findings.md) says so.
- **for others**: the field rightly means nothing to a waypoint, for the reason in its row.

Fields are written as paths below \`spec\`: \`[]\` is any item of a list, \`*\` any key, \`**\` everything below, and \`{a, b}\` one of
these. Of \`metadata\`, the name, the namespace, labels and annotations are read; \`status\` is not. Annotations of Cairn's own are
\`cairn.dev/path-normalization\` ([paths](paths.md)), \`cairn.dev/locality\`
([where a waypoint runs](waypoint-objects.md#where-a-waypoint-runs)) and \`cairn.dev/listen-address\`
([one machine](../guide/install.md)); [compatibility.md](compatibility.md#annotations-and-labels) lists all that are read.
`;

function writeKind(kind: Kind, fields: readonly FieldRow[]): string {
  const count = (key: string): number => fields.filter(({ is }) => key in is).length;
  const counts = [
    [count('applied'), 'applied'],
    [count('reported'), 'reported'],
    [count('elsewhere'), 'for others'],
  ] as const;
  const told = counts.flatMap(([number, name]) => (number === 0 ? [] : [`${number} ${name}`])).join(', ');
  return [
    `## ${kind}\n`,
    `${told}.\n`,
    '| field | | shown by |',
    '|---|---|---|',
    ...group(fields, 0).map(({ path, said }) => `| \`${path}\` | ${said} |`),
    '',
  ].join('\n');
}

interface Row {
  readonly path: string;
  readonly said: string;
}

/** Rows of fields that share their first `depth` steps, in their order. */
function group(fields: readonly FieldRow[], depth: number): readonly Row[] {
  const leaves = fields.filter(({ steps }) => rest(steps, depth).length === 1);
  const said = new Map<string, FieldRow[]>();
  for (const field of leaves) {
    let key = say(field);
    // Long rows make a wide table.
    while (formatSteps((said.get(key) ?? []).flatMap(({ steps }) => steps.slice(depth))).length > 40) key += ' ';
    said.set(key, [...(said.get(key) ?? []), field]);
  }
  const rows: { readonly first: FieldRow; readonly row: Row }[] = [...said].flatMap(([text, same]) => {
    const [first] = same;
    if (first === undefined) return [];
    const names = same.map(({ steps }) => formatSteps(rest(steps, depth)[0] ?? []));
    const roof = first.steps.slice(0, depth);
    const name = names.length === 1 ? (names[0] ?? '') : `{${names.join(', ')}}`;
    return [{ first, row: { path: join(roof, name), said: text.trim() } }];
  });
  const branches = new Map<string, FieldRow[]>();
  for (const field of fields.filter((each) => !leaves.includes(each))) {
    const key = formatSteps(rest(field.steps, depth)[0] ?? []);
    branches.set(key, [...(branches.get(key) ?? []), field]);
  }
  const all = [
    ...rows.map(({ first, row }) => ({ first, rows: [row] })),
    ...[...branches.values()].flatMap((inside) => {
      const [first] = inside;
      return first === undefined ? [] : [{ first, rows: groupBranch(inside, first, depth) }];
    }),
  ];
  return all.sort((a, b) => fields.indexOf(a.first) - fields.indexOf(b.first)).flatMap((each) => each.rows);
}

/**
 * A branch of which the same is to be said is one row, unless it is applied: then its fields are
 * named.
 */
function groupBranch(inside: readonly FieldRow[], first: FieldRow, depth: number): readonly Row[] {
  const below = depth + (rest(first.steps, depth)[0]?.length ?? 1);
  const isSame = inside.every((field) => say(field) === say(first));
  if (isSame && inside.length > 1 && !('applied' in first.is)) {
    return [{ path: `${formatSteps(first.steps.slice(0, below))}.**`, said: say(first) }];
  }
  return group(inside, below);
}

/** The steps below a depth, each property with the brackets that follow it. */
function rest(steps: Steps, depth: number): readonly Steps[] {
  const parts: string[][] = [];
  for (const step of steps.slice(depth)) {
    const last = parts.at(-1);
    if (step === '[]' && last !== undefined) last.push(step);
    else parts.push([step]);
  }
  return parts;
}

function join(roof: Steps, name: string): string {
  return roof.length === 0 ? name : `${formatSteps(roof)}.${name}`;
}

function say({ is }: FieldRow): string {
  if ('elsewhere' in is) return `for others | ${is.elsewhere}`;
  if ('reported' in is) return `reported | \`${is.reported ?? 'nothing'}\``;
  return `applied | ${is.applied?.case ?? 'nothing'}`;
}
