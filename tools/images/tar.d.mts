/** The bytes of an archive. */
export function writeTar(
  entries: readonly { readonly path: string; readonly mode: number; readonly data?: Buffer }[],
): Buffer;
