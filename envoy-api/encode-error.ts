// The error of an encoder whose input is not the message it should be: a defect of Cairn, found
// before Envoy sees it.

/** The fault of the JSON form of a message, or of its bytes. */
export type EncodeErrorCode =
  | 'UnknownField'
  | 'UnknownEnumValue'
  | 'UnknownType'
  | 'InvalidType'
  | 'InvalidValue'
  | 'OneofConflict'
  | 'InvalidBytes';

/**
 * A message that cannot be encoded or decoded; `path` leads from the message's root, e.g.
 * `filters[0].typed_config.route_config`.
 */
export class EncodeError extends Error {
  readonly code: EncodeErrorCode;
  readonly path: string;

  constructor(code: EncodeErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EncodeError';
    this.code = code;
    this.path = path;
  }
}

/** Writes a path as people write it: `routes[2].match.headers["x-id"]`. */
export function formatPath(segments: readonly (string | number)[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (!/^@?\w+$/.test(segment)) text += `[${JSON.stringify(segment)}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text;
}
