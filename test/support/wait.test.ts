import { expect, test } from 'vitest';
import { waitFor } from './wait.ts';

test('a wait gives the first value that counts, and tries again after an error', async () => {
  const answers = [
    (): never => {
      throw new Error('not yet');
    },
    (): undefined => undefined,
    (): false => false,
    (): number => 0,
  ];
  expect(await waitFor(() => answers.shift()?.(), { interval: 1 })).toBe(0);
});

test('a wait in vain says what for, and what was seen last', async () => {
  const dry = waitFor(() => false, { timeout: 50, what: 'rain', seen: () => ({ sky: 'blue' }) });
  await expect(dry).rejects.toThrow('waited for rain: not within 50 ms; seen last: {"sky":"blue"}');
  const refuse = (): Promise<never> => Promise.reject(new Error('ECONNREFUSED'));
  const refused = waitFor(() => refuse(), { timeout: 50 });
  await expect(refused).rejects.toThrow('waited for () => refuse(): not within 50 ms; seen last: ECONNREFUSED');
});

test('a wait that is hopeless ends at once', async () => {
  const wait = waitFor(() => false, { timeout: 60_000, what: 'readiness', hopeless: () => 'the process ended' });
  await expect(wait).rejects.toThrow('waited for readiness: the process ended');
});
