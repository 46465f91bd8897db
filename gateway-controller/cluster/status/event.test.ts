// Events are named after their content, so that nothing is reported twice, and fit the limits of
// the API.

import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import type { Finding } from '../../../mesh/index.ts';
import { renderEvent } from './event.ts';

const now = '2026-01-02T03:04:05.678Z';
const reporter = { controller: 'istio.io/mesh-controller', instance: 'cairn-0' };
const object: KubernetesObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'shop', uid: 'u', resourceVersion: '1' },
};
const finding: Finding = {
  code: 'HostNotFound',
  severity: 'error',
  ref: { kind: 'VirtualService', namespace: 'shop', name: 'reviews' },
  path: ['spec', 'hosts', 0],
  message: 'no such host',
};

describe('an event', () => {
  it('has the same name for the same Finding, whoever tells it and whenever', () => {
    const later = { ...object, metadata: { ...object.metadata, resourceVersion: '99' } };
    const again = renderEvent(finding, later, { ...reporter, instance: 'cairn-1' }, '2027-01-01T00:00:00Z');
    const first = renderEvent(finding, object, reporter, now);
    expect(again.metadata).toEqual(first.metadata);
    const other = renderEvent({ ...finding, message: 'another' }, object, reporter, now);
    expect(other.metadata.name).not.toBe(first.metadata.name);
  });

  it('has a note of at most 1,024 bytes, whatever the letters', () => {
    const event = renderEvent({ ...finding, message: 'ü'.repeat(2_000) }, object, reporter, now);
    expect(Buffer.byteLength(String(event['note']))).toBeLessThanOrEqual(1_024);
    expect(String(event['note'])).toMatch(/^spec\.hosts\[0\]: ü+\.\.\.$/);
  });

  it('has a time with six digits of a second', () => {
    expect(renderEvent(finding, object, reporter, now)['eventTime']).toBe('2026-01-02T03:04:05.678000Z');
    expect(renderEvent(finding, object, reporter, '2026-01-02T03:04:05Z')['eventTime']).toBe(
      '2026-01-02T03:04:05.000000Z',
    );
  });
});
