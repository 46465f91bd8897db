// The common parts of random VirtualServices, HTTPRoutes and requests.

import * as fc from 'fast-check';

/** Any of these. */
export const pick: typeof fc.constantFrom = fc.constantFrom;
/** A list of so many. */
export const few = <T>(each: fc.Arbitrary<T>, minLength: number, maxLength: number): fc.Arbitrary<T[]> =>
  fc.array(each, { minLength, maxLength });
/** A value, or none: one in `freq` is none. */
export const maybe = <T>(each: fc.Arbitrary<T>, freq = 2): fc.Arbitrary<T | undefined> =>
  fc.option(each, { nil: undefined, freq });
/** Each field there or not: one in `freq` is not. */
export const some = <T extends object>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
  freq?: number,
): fc.Arbitrary<Partial<T>> =>
  fc
    .record(
      Object.fromEntries(
        Object.entries(fields).map(([key, each]) => [key, maybe(each as fc.Arbitrary<unknown>, freq)]),
      ),
    )
    .map(
      (record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<T>,
    );

/** Paths that rules and requests name. */
export const paths: readonly string[] = [
  '/',
  '/a',
  '/a/',
  '/a/b',
  '/a/b;v=1',
  '/ab',
  '/A/b',
  '/api/v1/items',
  '/api/v2',
  '/static/x.css',
  '/100%25',
  '/shop.v1.Cart/Add',
  '/shop.v1.Cart/Clear',
  '/shop.v1.Cartoon/Add',
];
/** Headers that rules edit. */
export const edited: readonly string[] = ['x-role', 'x-new', 'x-team'];
/** When objects were made. */
export const ages: readonly string[] = ['2024-01-01T00:00:00Z', '2024-01-02T00:00:00Z'];
