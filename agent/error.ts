// Failures of an agent that end it, each with a code.

/** The reason why an agent could not start or go on. */
export type AgentErrorCode =
  'OptionInvalid' | 'EnvoyNotFound' | 'EnvoyNotStarted' | 'StateInUse' | 'AddressUnavailable';

/** The environment is not as the agent needs it; the message says what to do. */
export class AgentError extends Error {
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AgentError';
    this.code = code;
  }
}

/** Takes the agent's messages, which never contain a token or key. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
