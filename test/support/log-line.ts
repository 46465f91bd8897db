// The form of every line of a log, whichever process writes it.

import { expect } from 'vitest';

/** Expects JSON lines of the one format. */
export function expectLogLines(text: string): void {
  const lines = text.trim().split('\n');
  for (const line of lines) {
    expect(JSON.parse(line), line).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      level: expect.stringMatching(/^(?:debug|info|warn|error)$/) as string,
      message: expect.any(String) as string,
    });
  }
}
