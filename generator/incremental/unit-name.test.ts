import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatUnit, parseUnit, type Unit } from './unit-name.ts';

/**
 * Names as files may spell them: the analysis meets them before anybody has found fault with them.
 */
const text = fc.oneof(
  fc.constantFrom('', 'a', 'shop', '*.example.com', 'a b', 'a/b', 'a","b', '1', '::1'),
  fc.string(),
);
const waypoint = fc.record({ namespace: text, name: text });
const address = fc.record({ host: text, port: fc.nat(65_535) });
const unit: fc.Arbitrary<Unit> = fc.oneof(
  fc.constant({ kind: 'waypoints' as const }),
  fc.record({ kind: fc.constant('object' as const), ref: fc.record({ kind: text, namespace: text, name: text }) }),
  fc.record({ kind: fc.constant('listeners' as const), waypoint }),
  fc.record({ kind: fc.constant('frontend' as const), waypoint, address }),
  fc.record({
    kind: fc.constant('backend' as const),
    waypoint,
    backend: fc.record({ host: text, port: fc.nat(65_535), owned: fc.boolean() }),
  }),
);

it('gives back the unit that a name was made of', () => {
  fc.assert(
    fc.property(unit, (each) => {
      expect(parseUnit(formatUnit(each))).toEqual(each);
    }),
  );
});

it('gives two units one name only where they are the same', () => {
  fc.assert(
    fc.property(unit, unit, (left, right) => {
      expect(formatUnit(left) === formatUnit(right)).toBe(JSON.stringify(left) === JSON.stringify(right));
    }),
  );
});
