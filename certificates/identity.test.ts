import { expect, it } from 'vitest';
import { formatIdentity } from './identity.ts';

it('never formats a part that would add a path', () => {
  const identity = { trustDomain: 'cluster.local', namespace: 'x/sa/y', serviceAccount: 'z' };
  expect(() => formatIdentity(identity)).toThrow('not a workload identity');
});
