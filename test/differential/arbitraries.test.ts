// The random inputs of the differentials: each optional part is really drawn, and really left out.

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { policies } from './authorization-arbitraries.ts';
import { grpcRoutes } from './routing-grpc-routes.ts';
import { httpRoutes } from './routing-http-routes.ts';
import { virtualServices, wildcards } from './routing-virtual-services.ts';

/** Fields that may be left out. */
interface Optional {
  /** The steps from a sample to the objects of the fields; an array stands for its elements. */
  readonly of: string;
  readonly fields: readonly string[];
}

const operations: readonly string[] = ['set', 'add', 'remove'];
const edits = (at: string): readonly Optional[] => [
  { of: at, fields: ['headers'] },
  { of: `${at}.headers`, fields: ['request', 'response'] },
  { of: `${at}.headers.request`, fields: operations },
  { of: `${at}.headers.response`, fields: operations },
];
const filters = (at: string): readonly Optional[] => [
  { of: `${at}.requestHeaderModifier`, fields: operations },
  { of: `${at}.responseHeaderModifier`, fields: operations },
];
const conditions: readonly string[] = [
  'uri',
  'ignoreUriCase',
  'scheme',
  'method',
  'authority',
  'headers',
  'withoutHeaders',
  'queryParams',
  'sourceNamespace',
  'sourceLabels',
  'gateways',
  'port',
];

const cases: readonly (readonly [name: string, fc.Arbitrary<unknown>, readonly Optional[]])[] = [
  ['policies', policies, [{ of: 'rules', fields: ['from', 'to', 'when'] }]],
  [
    'VirtualServices',
    virtualServices('wild/s60'),
    [
      { of: 'spec', fields: ['hosts', 'gateways', 'exportTo'] },
      { of: 'spec.http', fields: ['match', 'route', 'redirect', 'directResponse', 'delegate', 'rewrite', 'fault'] },
      { of: 'spec.http.match', fields: conditions },
      { of: 'spec.http.rewrite', fields: ['uri', 'authority', 'uriRegexRewrite'] },
      {
        of: 'spec.http.redirect',
        fields: ['uri', 'prefixRewrite', 'authority', 'scheme', 'redirectCode', 'port', 'derivePort'],
      },
      { of: 'spec.http.directResponse', fields: ['body'] },
      { of: 'spec.http.route', fields: ['weight'] },
      { of: 'spec.http.route.destination', fields: ['port', 'subset'] },
      ...edits('spec.http'),
      ...edits('spec.http.route'),
    ],
  ],
  [
    'VirtualServices of wildcards',
    wildcards,
    [
      { of: 'spec', fields: ['gateways', 'exportTo'] },
      { of: 'spec.http', fields: ['rewrite', 'redirect', 'headers'] },
    ],
  ],
  [
    'HTTPRoutes',
    httpRoutes('wild/s60'),
    [
      { of: 'spec.parentRefs', fields: ['namespace', 'port'] },
      { of: 'spec.rules', fields: ['matches', 'backendRefs'] },
      { of: 'spec.rules.matches', fields: ['path', 'method', 'headers', 'queryParams'] },
      {
        of: 'spec.rules.filters',
        fields: ['requestHeaderModifier', 'responseHeaderModifier', 'requestRedirect', 'urlRewrite'],
      },
      ...filters('spec.rules.filters'),
      ...filters('spec.rules.backendRefs.filters'),
      { of: 'spec.rules.filters.requestRedirect', fields: ['scheme', 'hostname', 'port', 'statusCode', 'path'] },
      { of: 'spec.rules.filters.urlRewrite', fields: ['hostname', 'path'] },
      { of: 'spec.rules.backendRefs', fields: ['namespace', 'weight', 'filters'] },
    ],
  ],
  [
    'GRPCRoutes',
    grpcRoutes('wild/s60'),
    [
      { of: 'spec.rules', fields: ['matches', 'filters', 'backendRefs'] },
      { of: 'spec.rules.matches', fields: ['method', 'headers'] },
      { of: 'spec.rules.matches.method', fields: ['service', 'method', 'type'] },
      ...filters('spec.rules.filters'),
    ],
  ],
];

it.each(cases)('draws and leaves out each optional part of %s', (_, arbitrary, optional) => {
  const samples = fc.sample(arbitrary, { numRuns: 500, seed: 1 });
  const seen = optional.flatMap(({ of, fields }) => {
    const objects = objectsAt(samples, of.split('.'));
    return fields.map((field) => [
      `${of}.${field}`,
      { drawn: objects.some((each) => field in each), leftOut: objects.some((each) => !(field in each)) },
    ]);
  });
  const due = optional.flatMap(({ of, fields }) =>
    fields.map((field) => [`${of}.${field}`, { drawn: true, leftOut: true }]),
  );
  expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(due));
});

// Some rules are a single condition, and would hide that no other rule has one.
it('draws rules of policies with all parts at once', () => {
  const rules = fc.sample(policies, { numRuns: 500, seed: 1 }).flatMap((list) => list.flatMap((each) => each.rules));
  expect(rules.some(({ from, to, when }) => from !== undefined && to !== undefined && when !== undefined)).toBe(true);
});

function objectsAt(value: unknown, steps: readonly string[]): readonly object[] {
  if (Array.isArray(value)) return value.flatMap((each) => objectsAt(each, steps));
  if (typeof value !== 'object' || value === null) return [];
  const [step, ...rest] = steps;
  return step === undefined ? [value] : objectsAt((value as Record<string, unknown>)[step], rest);
}
