// The environment of this process, for its readers: commander takes the variables of options from
// there.

/** Calls a function while these variables, and no others, are set. */
export function withEnvironment<T>(env: Readonly<Record<string, string>>, call: () => T): T {
  const before = process.env;
  process.env = { ...env };
  try {
    return call();
  } finally {
    process.env = before;
  }
}
