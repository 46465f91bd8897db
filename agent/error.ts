// Failures of an agent that end it, each with a code.

/** Why an agent could not start or go on. */
export type AgentErrorCode =
  'OptionInvalid' | 'EnvoyNotFound' | 'EnvoyNotStarted' | 'StateInUse' | 'AddressUnavailable';

/** The world is not as the agent needs it; the message says what to do. */
export class AgentError extends Error {
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AgentError';
    this.code = code;
  }
}

/** Where an agent's messages go; never with a token or key. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
