// Headers that Envoy writes itself, after every edit of a route, and those that say where a message
// ends. Edits of them have no effect, or one that nobody can want.

/**
 * The reason why an edit of a header, by its name in lower case, is left out; undefined when it has
 * the written effect.
 */
export function findEditProblem(
  direction: 'request' | 'response',
  operation: 'add' | 'remove' | 'set',
  name: string,
): string | undefined {
  if (name === 'transfer-encoding' || (name === 'content-length' && operation !== 'remove')) {
    return `"${name}" says where a message ends, which Envoy alone knows`;
  }
  if (direction === 'request') return undefined;
  if (name === 'server') return 'Envoy names itself in "server" of every answer';
  if (name === 'date' && operation === 'remove') return 'every answer has a "date"';
  return operation !== 'remove' && ofConnection.has(name)
    ? `"${name}" is about one connection, and Envoy writes it itself`
    : undefined;
}

const ofConnection: ReadonlySet<string> = new Set(['connection', 'proxy-connection', 'upgrade']);
