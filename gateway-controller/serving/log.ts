// Where messages for a log go: a plain function, so that nothing but the entry files knows which library writes them.

/** Takes one message with its fields. */
export type ControllerLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
