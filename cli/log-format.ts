// The one format of logs, which the agent writes too: JSON lines with `time`, `level` and
// `message`, and the fields of each message.

import type { LoggerOptions } from 'pino';

/** Options of `pino`: levels are words, and times have the form of ISO 8601. */
export const logFormat: Pick<LoggerOptions, 'messageKey' | 'formatters' | 'timestamp'> = {
  messageKey: 'message',
  formatters: { level: (label) => ({ level: label }) },
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
};
