// The type of a log: a plain function, so that only the entry files know the library behind it.

/** Takes one message with its fields. */
export type ControllerLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
