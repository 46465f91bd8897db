/** The bytes of an archive with one image. */
export function writeImage(image: {
  readonly names: readonly string[];
  readonly architecture: string;
  readonly config: object;
  /** The lowest first. */
  readonly layers: readonly {
    readonly title: string;
    readonly entries: readonly { readonly path: string; readonly mode: number; readonly data?: Buffer }[];
  }[];
}): Buffer;
