// An API server with the definitions of Istio and the Gateway API against Cairn's reader: both
// refuse the same objects. Tested are the examples of docs/reference/validation.md, the objects of
// the golden cases, and thousands of variants of them, each with another value in place of one
// field. The API server accepts what istiod's webhook or Envoy refuse.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError, type ApiResource, resources } from '../../kubernetes/index.ts';
import { apiVersionOf, resourcePath } from '../../kubernetes/resource.ts';
import { type FieldPath, formatPath, readObject } from '../../mesh/index.ts';
import { validationRules } from '../catalogue/validation-rules.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { stopAll } from '../support/processes.ts';

let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer();
  await server.createNamespace('shop');
});
afterAll(async () => {
  await server.stop();
  await stopAll();
});

type Fields = Readonly<Record<string, unknown>>;

const kinds = [...Object.keys(validationRules), 'Gateway', 'ReferenceGrant', 'Service'];
const resourceOf = new Map(Object.values(resources).map((resource: ApiResource) => [resource.kind, resource]));

function objectOf(kind: string, spec: unknown): { readonly path: string; readonly object: Fields } {
  const resource = resourceOf.get(kind);
  if (resource === undefined) throw new Error(`${kind} has no path`);
  return {
    path: resourcePath(resource, 'shop'),
    object: { apiVersion: apiVersionOf(resource), kind, metadata: { name: 'tried', namespace: 'shop' }, spec },
  };
}

/** Why the API server does not take an object; undefined when it does. Nothing is stored. */
async function refusalOf(kind: string, spec: unknown): Promise<string | undefined> {
  const { path, object } = objectOf(kind, spec);
  try {
    await server.client.request('POST', `${path}?dryRun=All&fieldValidation=Strict`, { body: object });
    return undefined;
  } catch (error) {
    if (error instanceof ApiError && [400, 422, 500].includes(error.status)) return error.message;
    throw error;
  }
}

function isRead(kind: string, spec: unknown): boolean {
  return readObject(objectOf(kind, spec).object).problems.every(({ severity }) => severity !== 'error');
}

describe.each(Object.entries(validationRules))('%s', (kind, rules) => {
  it.each(rules)('$rule ($by)', async ({ by, refused, accepted }) => {
    const refusal = await refusalOf(kind, parse(refused));
    if (by === 'definition') expect(refusal, refused).toBeDefined();
    else expect(refusal, refused).toBeUndefined();
    expect(await refusalOf(kind, parse(accepted)), accepted).toBeUndefined();
  });
});

/** Objects that the API server refuses and the reader accepts, for a reason. */
const exceptions: Readonly<Record<string, RegExp>> = {
  'fields that definitions of other versions have': /unknown field|retry\.attempts in body should be greater/,
  'said of the rule, whose share is answered with an error': /Must have port for Service reference/,
  'said of the value, which is left out': /directResponse\.body\.bytes/,
  'of a filter that is not supported, and reported': /externalAuth/,
  'given by cairn run': /Address is required/,
  'told apart by a section on one side and a port on the other': /sectionName or port must be specified when/,
  'what a cluster has': /spec\.(?:clusterIPs?|ipFamil|externalName)/,
  'judged where a Gateway is used': /spec\.listeners/,
  'durations, which have rules of their own': /must be a valid duration/,
};

const odd = {
  string: ['', '*', 'a b', '-a', '10.0.0.1', '10.0.0.0/24', 'x'.repeat(300), 'unix:///a', '(', '*.a.b', 'a_b', 3, null],
  number: [0, -1, 70_000, 99_999_999_999, 1.5, 'a', null],
  boolean: ['a', null],
};

function variantsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return [[], null, {}, [...value, ...value], [null], Array(40).fill(value[0])];
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return odd[typeof value as keyof typeof odd];
  }
  return [{}, null, [], 'a', { nope: 1 }];
}

function* fieldsOf(value: unknown, path: FieldPath): Generator<readonly [FieldPath, unknown]> {
  if (path.length > 0) yield [path, value];
  if (typeof value !== 'object' || value === null) return;
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [step, inner] of entries) yield* fieldsOf(inner, [...path, step]);
}

function withValue(root: unknown, [step, ...rest]: FieldPath, value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(root)) return root.with(Number(step), withValue(root[Number(step)], rest, value));
  return { ...(root as Fields), [step]: withValue((root as Fields)[step], rest, value) };
}

/** The objects of the golden cases, and of each field of each kind every variant once. */
function* variants(): Generator<{ readonly kind: string; readonly spec: unknown; readonly what: string }> {
  const cases = join(import.meta.dirname, '../golden/cases');
  const names = readdirSync(cases, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('in.yaml'));
  const seen = new Set<string>();
  const isNew = (key: string): boolean => !seen.has(key) && seen.add(key).size > 0;
  for (const name of names.sort()) {
    for (const document of parseAllDocuments(readFileSync(join(cases, name), 'utf8'))) {
      const { kind, spec } = (document.toJS() ?? {}) as { readonly kind?: string; readonly spec?: unknown };
      if (kind === undefined || !kinds.includes(kind)) continue;
      if (isNew(`${kind} ${JSON.stringify(spec)}`)) yield { kind, spec, what: name };
      for (const [path, value] of fieldsOf(spec, [])) {
        for (const [index, other] of variantsOf(value).entries()) {
          const what = `${kind} ${formatPath(path).replaceAll(/\[\d+\]/g, '[]')} ${index}`;
          if (isNew(what)) yield { kind, spec: withValue(spec, path, other), what };
        }
      }
    }
  }
}

it('refuses what the API server refuses', { timeout: 600_000 }, async () => {
  const work = variants();
  const taken: string[] = [];
  let refused = 0;
  const lane = async (): Promise<void> => {
    for (const { kind, spec, what } of work) {
      const refusal = await refusalOf(kind, spec);
      if (refusal === undefined) continue;
      refused += 1;
      if (isRead(kind, spec) && !Object.values(exceptions).some((each) => each.test(refusal))) {
        taken.push(`${what}: ${refusal.slice(0, 300)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 6 }, lane));
  expect(taken).toEqual([]);
  expect(refused).toBeGreaterThan(2000);
});
