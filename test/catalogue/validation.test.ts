// docs/reference/validation.md: values that others refuse, and Cairn's answer to each. Every
// example that is refused elsewhere is an error here, and every other one is read. `npm run golden`
// writes the page.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { analyzeMesh } from '../../generator/index.ts';
import { definitionOf, type Finding, formatPath, isKind } from '../../mesh/index.ts';
import { readMesh } from '../support/mesh.ts';
import { validationRules } from './validation-rules.ts';

const page = join(import.meta.dirname, '../../docs/reference/validation.md');
const base = readFileSync(join(import.meta.dirname, '../golden/base.yaml'), 'utf8');

/** `apiVersion` of a kind, as its definition has it. */
function apiVersionOf(kind: string): string {
  if (!isKind(kind)) throw new Error(`${kind} is not read`);
  const { group, versions } = definitionOf(kind);
  return `${group}/${versions[0]}`;
}

/** The errors about an object with this `spec`: of reading, or of its meaning beside others. */
function errorsOf(kind: string, spec: string): readonly Finding[] {
  const text = `apiVersion: ${apiVersionOf(kind)}\nkind: ${kind}\nmetadata: { name: example, namespace: shop, labels: { istio.io/use-waypoint: none } }\nspec: ${spec}\n`;
  const { store, findings } = readMesh({ 'base.yaml': base, 'example.yaml': text });
  const isAbout = ({ ref, severity }: Finding): boolean => ref.name === 'example' && severity === 'error';
  return [...findings, ...analyzeMesh(store)].filter(isAbout);
}

/**
 * Errors that mean that a spec was refused, and not that it names an object that is missing around
 * the examples.
 */
function isRefusal({ code }: Finding): boolean {
  return /^(?:AddressInvalid|InvalidType|InvalidValue|MissingField|RegexInvalid|UnknownField|WeightsInvalid)$/.test(
    code,
  );
}

describe.each(Object.entries(validationRules))('%s', (kind, rules) => {
  it.each(rules)('$rule ($by)', ({ refused, accepted }) => {
    expect(errorsOf(kind, refused).filter(isRefusal), refused).not.toEqual([]);
    expect(errorsOf(kind, accepted).filter(isRefusal), accepted).toEqual([]);
  });
});

function writeRow(kind: string, { rule, by, refused }: (typeof validationRules)[string][number]): string {
  const [first] = errorsOf(kind, refused).filter(isRefusal);
  const said = first === undefined ? 'nothing' : `\`${first.code}\` at \`${formatPath(first.path)}\`: ${first.message}`;
  const cells = [rule, by === 'definition' ? 'the API server' : by, `\`${refused}\``, said];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

it('is docs/reference/validation.md', { timeout: 120_000 }, async () => {
  const head = `# Validation

This page lists values that the definitions of Istio and the Gateway API, istiod's webhook or Envoy refuse, and Cairn's answer to
each: an **error** at the field, so that a file means what the same object would mean in a cluster. Types, enumerations, limits and
fields that exclude each other are checked as the schemas of the definitions have them, and are not listed. Null in an optional place
means nothing there, as for an API server; in the labels, the annotations and the selector of a Service it is empty text. A policy
whose \`spec\`, targets or rules stand without a value is refused and closed, since the rest of it was to follow. YAML's merge keys are
read.

Cairn also reads values that are accepted elsewhere and do not work here, and [reports](findings.md) them.

Cairn accepts three things that an API server refuses: a WorkloadEntry without an address, which \`cairn run\` gives one; a parent by
its section beside the same parent by a port; and fields of definitions of other versions.
`;
  const sections = Object.entries(validationRules).map(([kind, rules]) =>
    [
      `## ${kind}\n`,
      '| what is needed | who refuses | for example | Cairn |',
      '|---|---|---|---|',
      ...rules.map((rule) => writeRow(kind, rule)),
      '',
    ].join('\n'),
  );
  const formatted = await format([head, ...sections].join('\n'), {
    ...(await resolveConfig(page)),
    parser: 'markdown',
  });
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(page, formatted);
  expect(readFileSync(page, 'utf8'), 'run `npm run golden`').toBe(formatted);
});
